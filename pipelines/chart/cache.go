package chart

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2/maybe"

	"kasou/pipelines/manifest"
)

// errAbsent says that the cache has no such archive, or a corrupt one.
var errAbsent = errors.New("not in the cache")

// errNoCacheDir says that nothing tells where the cache is.
var errNoCacheDir = errors.New("no cache folder: set KASOU_CACHE, XDG_CACHE_HOME or HOME")

// cache keeps archives by their digest in a folder that any number of
// processes may share: CACHE/charts/sha256/HEX.tgz.
type cache struct{ dir string }

// CacheDir returns the folder for downloads: KASOU_CACHE, else kasou in the user's
// cache folder; empty where neither is known.
func CacheDir() string {
	if dir := os.Getenv("KASOU_CACHE"); dir != "" {
		return absolute(dir)
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return absolute(filepath.Join(dir, "kasou"))
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "kasou")
}

func absolute(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	return abs
}

func (c cache) path(digest string) (string, bool) {
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || c.dir == "" || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", false
	}
	return filepath.Join(c.dir, "charts", "sha256", hex+".tgz"), true
}

// read returns the archive with the digest, checked; errAbsent where there is
// none, it is larger than limit, or its bytes are not those of the digest.
func (c cache) read(digest string, limit int64) ([]byte, error) {
	path, ok := c.path(digest)
	if !ok {
		return nil, errAbsent
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	if manifest.Digest(data) != digest {
		return nil, fmt.Errorf("%w: %s is corrupt", errAbsent, path)
	}
	return data, nil
}

// write keeps the archive. Whoever reads at the same time sees all of it or
// nothing.
func (c cache) write(digest string, archive []byte) error {
	path, ok := c.path(digest)
	if !ok {
		return errNoCacheDir
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return maybe.WriteFile(path, archive, 0o600) // what is read is verified, where renaming is not atomic
}
