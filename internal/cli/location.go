package cli

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// location is where a fleet lives: the repo's root and the clusters folder in
// it, slash-separated.
type location struct{ root, dir string }

// locate finds the clusters folder and the repo's root above it: the git top
// level, or the folder's parent where there is no git. With the default name
// it also looks in the parents of the working directory, up to the git top
// level, so that commands work from within a cluster's folder.
func locate(workDir, clusters string, isDefault bool) (location, error) {
	start, err := filepath.EvalSymlinks(workDir)
	if err != nil {
		return location{}, err
	}
	folder, err := findFolder(start, clusters, isDefault)
	if err != nil {
		return location{}, err
	}
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return location{}, err
	}
	root := cmp.Or(gitTop(filepath.Dir(folder)), filepath.Dir(folder))
	dir, err := filepath.Rel(root, folder)
	if err != nil {
		return location{}, err
	}
	return location{root: root, dir: filepath.ToSlash(dir)}, nil
}

// locateNew is locate for commands that make the clusters folder where there is none:
// below the git top level by its default name, else where --clusters says.
func locateNew(workDir, clusters string, isDefault bool) (location, error) {
	where, err := locate(workDir, clusters, isDefault)
	var usage usageError
	if !errors.As(err, &usage) && !errors.Is(err, fs.ErrNotExist) {
		return where, err
	}
	start, err := filepath.EvalSymlinks(workDir)
	if err != nil {
		return location{}, err
	}
	if dir := gitDir(start); dir != "" {
		return location{}, usagef("%s is git's own folder, or a bare repository, and has no files: go to a clone", dir)
	}
	root := cmp.Or(gitTop(start), start)
	folder := filepath.Join(start, clusters)
	switch {
	case filepath.IsAbs(clusters):
		folder = clusters
	case isDefault:
		folder = filepath.Join(root, clusters)
	}
	if _, err := os.Lstat(folder); err == nil {
		return location{}, usagef("%q is not a folder; --clusters takes the folder with fleet.yaml", clusters)
	}
	dir, err := filepath.Rel(root, folder)
	if err != nil || !filepath.IsLocal(dir) || dir == "." {
		return location{}, usagef("--clusters %q: it takes a folder below %s", clusters, root)
	}
	return location{root: root, dir: filepath.ToSlash(dir)}, nil
}

func findFolder(start, clusters string, isDefault bool) (string, error) {
	if filepath.IsAbs(clusters) {
		err := isFolder(clusters, clusters)
		if errors.Is(err, fs.ErrNotExist) {
			err = usagef("there is no folder %q; --clusters takes the folder with fleet.yaml", clusters)
		}
		return clusters, err
	}
	top := gitTop(start)
	for at := start; ; at = filepath.Dir(at) {
		candidate := filepath.Join(at, clusters)
		err := isFolder(candidate, clusters)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return candidate, err
		}
		if !isDefault || at == top || top == "" {
			return "", usagef("there is no folder %q here; go to the repository, name the folder with --clusters, or begin one with kasou init", clusters)
		}
	}
}

func isFolder(path, said string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return usagef("%q is not a folder; --clusters takes the folder with fleet.yaml", said)
	}
	return nil
}

// gitDir returns the nearest folder at or above dir, and below the git top level, that holds
// what git keeps of a repository; "" where there is none.
func gitDir(dir string) string {
	for top := gitTop(dir); dir != top; dir = filepath.Dir(dir) {
		missing := slices.ContainsFunc([]string{"HEAD", "objects", "refs"}, func(name string) bool {
			_, err := os.Lstat(filepath.Join(dir, name))
			return err != nil
		})
		switch {
		case !missing:
			return dir
		case dir == filepath.Dir(dir):
			return ""
		}
	}
	return ""
}

// gitTop returns the nearest folder at or above dir with a .git (a file in
// worktrees and submodules), or "".
func gitTop(dir string) string {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}
