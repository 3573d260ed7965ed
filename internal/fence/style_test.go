package fence

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// otherVerbs are what a doc comment does not begin with: X returns, reports whether, is.
var otherVerbs = regexp.MustCompile(`^\s*// \w+ (gives|says whether|speaks for) `)

func TestDocCommentsUseGosVerbs(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	seen := 0
	err := fs.WalkDir(root, ".", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(file, ".go") {
			return err
		}
		data, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		seen++
		for i, line := range strings.Split(string(data), "\n") {
			if m := otherVerbs.FindStringSubmatch(line); m != nil && !strings.Contains(line, " gives up ") {
				t.Errorf("%s:%d: %q begins with %q: write returns, or reports whether", file, i+1, strings.TrimSpace(line), m[1])
			}
		}
		return nil
	})
	if err != nil || seen < 100 {
		t.Errorf("%d files read: %v", seen, err)
	}
}
