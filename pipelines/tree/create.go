package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// Create writes a file that a person will own, and the folders to it. file is
// relative to root. It never replaces one: the error then is fs.ErrExist. A
// file that could not be written whole is taken away again.
func Create(root, file string, data []byte) (err error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.MkdirAll(path.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := r.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", file, err), ignoreMissing(r.Remove(file)))
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
