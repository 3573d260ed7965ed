// Package history says what git had before: the commits that a change starts
// from, and files as they were there.
package history

import (
	"context"
	"fmt"
	"path"
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
// Outside of a repository, and before the first commit, there are none.
func (r Repository) Before(ctx context.Context, against string) Before {
	b := Before{Repository: r, commits: r.commits, Unknown: r.Unread}
	if len(r.commits) == 0 {
		return b
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
	return b
}

// Changed returns, for each commit before, the contents that the files had there
// which match a pattern of git's glob and are another today, by path from the root. A file that
// was not there has no entry. The error is git's.
func (b Before) Changed(ctx context.Context, patterns ...string) ([]map[string][]byte, error) {
	var all []map[string][]byte
	for _, commit := range b.commits {
		names, err := b.differing(ctx, patterns, "--diff-filter=MDT", commit)
		if err != nil {
			return nil, err
		}
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
	tree := &Tree{Repository: b.Repository, commit: commit}
	defer tree.Close()
	files := make(map[string][]byte, len(names))
	for _, name := range names {
		data, err := tree.File(ctx, name)
		switch {
		case err != nil:
			return nil, err
		case data == nil:
			return nil, fmt.Errorf("git cat-file: no %s in %s", path.Base(name), commit)
		}
		files[name] = data
	}
	return files, nil
}

// Literal returns a pattern for Changed that means the path itself, whatever
// characters are in it.
func Literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
