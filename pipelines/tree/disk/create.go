package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// Create writes a file that a person will own, and the folders to it. file is
// relative to root. It never replaces one: the error then is fs.ErrExist. The
// file is there whole or not at all, and so are the folders that it is the first
// in; what a killed run leaves, Sweep removes.
func Create(root, file string, data []byte) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	made, err := makeFolders(r, path.Dir(file))
	if err == nil {
		err = createIn(r, file, data)
	}
	if err != nil {
		for _, dir := range made {
			_ = r.Remove(dir) // not where somebody else has put something there
		}
	}
	return err
}

// makeFolders makes the folder and those above it, and returns those that were not
// there, innermost first.
func makeFolders(r *os.Root, folder string) (made []string, err error) {
	for dir := folder; dir != "."; dir = path.Dir(dir) {
		if _, err := r.Lstat(dir); err == nil {
			break
		}
		made = append(made, dir)
	}
	return made, r.MkdirAll(folder, dirMode)
}

func createIn(r *os.Root, file string, data []byte) error {
	temp := path.Join(path.Dir(file), TempPrefix+path.Base(file)+"."+rand.Text()+tempSuffix)
	if err := writeNew(r, temp, data); err != nil {
		return err
	}
	err := r.Link(temp, file)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = writeNew(r, file, data) // a file system without hard links
	}
	_ = r.Remove(temp) // or Sweep does
	return err
}

// writeNew writes a file that was not there. One that could not be written whole
// is taken away again.
func writeNew(r *os.Root, file string, data []byte) error {
	f, err := r.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = r.Remove(file) // it was not there before
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}
