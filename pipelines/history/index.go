package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Entry is a file of git's index.
type Entry struct {
	// Path is from the root, slash-separated.
	Path string
	// Link is a symbolic link, and Module a submodule.
	Link, Module bool
}

// Entries returns the files that git has and that match none of the patterns of its glob;
// none where git does not read the repository. The error is git's.
func (r Repository) Entries(ctx context.Context, except ...string) ([]Entry, error) {
	if !r.top {
		return nil, nil
	}
	arguments := []string{"ls-files", "--stage", "-z", "--", ":(top)"}
	for _, pattern := range except {
		arguments = append(arguments, ":(top,exclude,glob)"+pattern)
	}
	listed, err := r.git(ctx, arguments...)
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var entries []Entry
	for line := range strings.SplitSeq(listed, "\x00") {
		// MODE OBJECT STAGE, a tab, and the path (git-ls-files, "OUTPUT").
		if about, path, found := strings.Cut(line, "\t"); found {
			entries = append(entries, Entry{Path: path, Link: strings.HasPrefix(about, "120000 "), Module: strings.HasPrefix(about, "160000 ")})
		}
	}
	return entries, nil
}

// Submodules returns what git says against the repository's submodules; empty where it
// knows all.
func (r Repository) Submodules(ctx context.Context) string {
	_, err := r.git(ctx, "submodule", "status")
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		said, _, _ := strings.Cut(strings.TrimSpace(string(failed.Stderr)), "\n")
		return said
	}
	return ""
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
