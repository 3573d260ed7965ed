// Package history says what git had before: the commits that a change starts
// from, and files as they were there.
package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// Before are the commits that the working copy is compared with. The zero value
// has none.
type Before struct {
	Repository
	// commits are their ids.
	commits []string
	// Unknown is why some of the commits before are not there, and what to do; empty where
	// all are, and where there is no repository.
	Unknown string
}

// Before returns the commits before the working copy: HEAD, and the commit against, such
// as the one that a push started from; where that is empty, HEAD's parents, which for the
// merge commit that GitHub checks out on a pull request are the tips of both branches.
// Outside of a repository, and before the first commit, there are none. The error is git's.
func (r Repository) Before(ctx context.Context, against string) (Before, error) {
	b := Before{Repository: r, commits: r.commits, Unknown: r.Unread}
	if len(r.commits) == 0 {
		return b, nil
	}
	if against != "" {
		b.commits = []string{r.Head()}
		if commit := r.commitOf(ctx, against); commit != "" {
			b.commits = append(b.commits, commit)
		} else {
			b.Unknown = fmt.Sprintf("the commit %s is not in this clone: fetch more of its history (fetch-depth: 0)", against)
		}
	} else if r.isCut() {
		b.Unknown = "the clone ends at HEAD: fetch at least one commit more (fetch-depth: 2)"
	}
	return b, nil
}

// Changed returns, for each commit before, the contents that the files had there
// which match a pattern of git's glob and are another today, by path from the root. A file that
// was not there has no entry. The error is git's.
func (b Before) Changed(ctx context.Context, patterns ...string) ([]map[string][]byte, error) {
	var all []map[string][]byte
	for _, commit := range b.commits {
		args := []string{"diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--diff-filter=MDT", commit, "--"}
		for _, pattern := range patterns {
			args = append(args, ":(top,glob)"+pattern)
		}
		listed, err := b.git(ctx, args...)
		if err != nil {
			return nil, fmt.Errorf("git diff: %w", err)
		}
		names := strings.FieldsFunc(listed, func(r rune) bool { return r == 0 })
		files, err := b.contents(ctx, commit, names)
		if err != nil {
			return nil, err
		}
		all = append(all, files)
	}
	return all, nil
}

// contents asks one git process for all files.
func (b Before) contents(ctx context.Context, commit string, names []string) (map[string][]byte, error) {
	files := make(map[string][]byte, len(names))
	if len(names) == 0 {
		return files, nil
	}
	var input strings.Builder
	for _, name := range names {
		if strings.ContainsAny(name, "\n") {
			return nil, errors.New("git: a file's name has a line break in it")
		}
		fmt.Fprintf(&input, "%s:%s\n", commit, name)
	}
	c := b.command(ctx, "cat-file", "--batch")
	c.Stdin = strings.NewReader(input.String())
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	rest := bytes.NewBuffer(out)
	for _, name := range names {
		head, err := rest.ReadString('\n')
		fields := strings.Fields(head)
		if err != nil || len(fields) != 3 {
			return nil, fmt.Errorf("git cat-file: no %s in %s", path.Base(name), commit)
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil || size > rest.Len() {
			return nil, fmt.Errorf("git cat-file: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		files[name] = bytes.Clone(rest.Next(size))
		rest.Next(1)
	}
	return files, nil
}

// Literal returns a pattern for Changed that means the path itself, whatever
// characters are in it.
func Literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
