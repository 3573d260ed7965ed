package nofollow_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"kasou/pipelines/nofollow"
)

// opened returns a folder with files and what is to be refused, and the same opened.
func opened(t *testing.T) *os.File {
	t.Helper()
	root := t.TempDir()
	folder := filepath.Join(root, "in")
	for name, content := range map[string]string{"secret": "secret", "in/sub/file": "12345678", "in/empty": ""} {
		full := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.Symlink("sub/file", filepath.Join(folder, "link")), os.Symlink("sub", filepath.Join(folder, "below")),
		os.Symlink("nowhere", filepath.Join(folder, "dangling")), syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if _, err := nofollow.Folder(file, "."); errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOSYS) {
		t.Skip("NOT TESTED, reading in one step: this system has no such call")
	}
	return file
}

func TestRead(t *testing.T) {
	folder := opened(t)
	for p, want := range map[string]string{"sub/file": "12345678", "empty": ""} {
		if data, err := nofollow.Read(folder, p, 8, []byte("> ")); err != nil || string(data) != "> "+want {
			t.Errorf("%s: %q, %v", p, data, err)
		}
	}
	for _, p := range []string{"link", "below/file", "dangling", "pipe", "sub", "../secret", "sub/../../secret", "/etc/passwd", "sub/file/x"} {
		if data, err := nofollow.Read(folder, p, 8, nil); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v", p, data, err)
		}
	}
	if _, err := nofollow.Read(folder, "sub/file", 7, nil); err == nil {
		t.Error("more than the limit was read")
	}
	if _, err := nofollow.Read(folder, "none/at/all", 8, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

func TestFolder(t *testing.T) {
	folder := opened(t)
	for p, ok := range map[string]bool{".": true, "sub": true, "below": false, "pipe": false, "empty": false, "..": false} {
		f, err := nofollow.Folder(folder, p)
		if (err == nil) != ok {
			t.Errorf("%s: %v", p, err)
		}
		if err == nil {
			f.Close()
		}
	}
}

// A file may be longer or shorter than it was a moment before.
func TestReadAll(t *testing.T) {
	const text = "some text of a file"
	for _, size := range []int{0, 1, len(text) - 1, len(text), len(text) + 1, len(text) + 90} {
		for _, r := range []io.Reader{strings.NewReader(text), iotest.DataErrReader(strings.NewReader(text))} {
			if data, err := nofollow.ReadAll(r, size, nil); err != nil || string(data) != text {
				t.Errorf("%d: %q, %v", size, data, err)
			}
		}
	}
	if _, err := nofollow.ReadAll(iotest.ErrReader(fs.ErrPermission), 3, nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
