package conform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"kasou/pipelines/conform/bundle"
	"kasou/pipelines/manifest"
)

// store is where the folders are.
func store(cacheDir string) string { return filepath.Join(cacheDir, "schemas") }

func folderOf(cacheDir, digest string) string {
	return filepath.Join(store(cacheDir), strings.TrimPrefix(digest, "sha256:"))
}

// placeAll places several folders side by side.
func placeAll(cacheDir string, folders []folder) error {
	var group errgroup.Group
	for _, f := range folders {
		group.Go(func() error { return place(cacheDir, f) })
	}
	return group.Wait()
}

// place makes sure that cacheDir/schemas/DIGEST holds exactly the files of that
// digest. Every process writes the same bytes, each file by a rename, so that
// several may mend one folder at the same time.
func place(cacheDir string, f folder) error {
	at := folderOf(cacheDir, f.digest)
	got, err := readFolder(at)
	if err != nil {
		return err
	}
	if bundle.FilesDigest(got) == f.digest {
		return nil
	}
	wanted, err := f.files()
	if err != nil {
		return err
	}
	if d := bundle.FilesDigest(wanted); d != f.digest {
		return fmt.Errorf("schemas of digest %s unfold to %s", f.digest, d)
	}
	if err := mend(store(cacheDir), at, got, wanted); err != nil {
		return fmt.Errorf("write the schemas: %w", err)
	}
	if got, err = readFolder(at); err != nil {
		return err
	}
	if bundle.FilesDigest(got) != f.digest {
		return fmt.Errorf("the schemas in %s are being changed by someone else", at)
	}
	return nil
}

// readFolder reads all that is in a folder. What is not a regular file reads as
// its type, so that the digest differs. A folder that is not there is empty.
func readFolder(folder string) (manifest.Files, error) {
	files := manifest.Files{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			files[filepath.ToSlash(name)] = []byte(entry.Type().String())
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil {
			files[filepath.ToSlash(name)] = data
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the schemas in the cache: %w", err)
	}
	return files, nil
}

// mend writes what differs and removes what does not belong.
func mend(store, folder string, got, wanted manifest.Files) error {
	for _, name := range got.Paths() {
		if _, ok := wanted[name]; ok {
			continue
		}
		if err := os.Remove(filepath.Join(folder, filepath.FromSlash(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(store, 0o755); err != nil {
		return err
	}
	for _, name := range wanted.Paths() {
		if data, ok := got[name]; ok && string(data) == string(wanted[name]) {
			continue
		}
		if err := writeFile(store, filepath.Join(folder, filepath.FromSlash(name)), wanted[name]); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file in one step. It does not wait for the disk: what a
// crash leaves behind, the next run finds by its digest.
func writeFile(store, path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(store, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	if _, err := temporary.Write(data); err != nil {
		return errors.Join(err, temporary.Close())
	}
	if err := temporary.Chmod(0o644); err != nil {
		return errors.Join(err, temporary.Close())
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err == nil {
		return nil
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
