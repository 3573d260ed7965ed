package history

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Tracked returns the files that git has and that match one of the patterns of its glob, by
// their paths from the root; none where git does not read the repository. The error is
// git's.
func (r Repository) Tracked(ctx context.Context, patterns ...string) ([]string, error) {
	if !r.top {
		return nil, nil
	}
	return r.list(ctx, "ls-files", patterns, "-z")
}

// NotCheckedOut returns a file below dir, from root, that git has and a sparse checkout
// leaves out; empty where there is none. The error is git's.
func (r Repository) NotCheckedOut(ctx context.Context, dir string) (string, error) {
	if !r.top {
		return "", nil
	}
	if sparse, err := r.git(ctx, "config", "--type=bool", "--get", "core.sparseCheckout"); err != nil || sparse != "true" {
		return "", nil
	}
	listed, err := r.git(ctx, "ls-files", "-v", "-z", "--", ":(top,literal)"+dir)
	if err != nil {
		return "", fmt.Errorf("git ls-files: %w", err)
	}
	for entry := range strings.SplitSeq(listed, "\x00") {
		// S is a file that git leaves out of the working copy, s one that it is also told not
		// to look at (git-ls-files, -v).
		tag, name, found := strings.Cut(entry, " ")
		if !found || !strings.EqualFold(tag, "S") {
			continue
		}
		if _, err := os.Lstat(filepath.Join(r.root, filepath.FromSlash(name))); err != nil {
			return name, nil
		}
	}
	return "", nil
}
