package history

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Dates asks git since when a file is as it is. Where there is no git, or not
// enough of its history, it knows nothing.
type Dates struct {
	Repository
	// cut are the commits at which a shallow clone ends: git takes every file
	// there for new.
	cut map[string]bool
}

// Dates returns what says since when the repository's files are as they are.
func (r Repository) Dates(ctx context.Context) Dates {
	d := Dates{Repository: r, cut: map[string]bool{}}
	if !r.shallow {
		return d
	}
	shallow, err := r.git(ctx, "rev-parse", "--git-path", "shallow")
	if err != nil {
		return Dates{}
	}
	if !filepath.IsAbs(shallow) {
		shallow = filepath.Join(r.root, shallow)
	}
	commits, err := os.ReadFile(shallow)
	if err != nil {
		return Dates{}
	}
	for _, commit := range strings.Fields(string(commits)) {
		d.cut[commit] = true
	}
	return d
}

// Changed returns when the file's last change was committed, RFC 3339 in UTC;
// empty where it has changed since, or git does not know.
func (d Dates) Changed(ctx context.Context, file string) string {
	if !d.top {
		return ""
	}
	status, err := d.git(ctx, "status", "--porcelain", "--ignored", "--", ":(literal)"+file)
	if err != nil || status != "" {
		return ""
	}
	line, err := d.git(ctx, "log", "-1", "--format=%H %cI", "--", ":(literal)"+file)
	commit, when, _ := strings.Cut(line, " ")
	if err != nil || d.cut[commit] {
		return ""
	}
	at, err := time.Parse(time.RFC3339, when)
	if err != nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// Since returns the time from which on a file has been, in every commit of the
// branch, as holds says; holds gets the file's content, nil where it is not there.
// A change counts from when it came to the branch, so a merge by its own date. It
// returns false where HEAD's file does not hold, or where git does not know: outside
// of a repository, or where the clone ends.
func (d Dates) Since(ctx context.Context, file string, holds func([]byte) bool) (time.Time, bool) {
	if !d.top {
		return time.Time{}, false
	}
	list, err := d.git(ctx, "log", "--first-parent", "--format=%H %cI", "--", ":(literal)"+file)
	if err != nil {
		return time.Time{}, false
	}
	var since time.Time
	known := false
	for line := range strings.Lines(list) {
		commit, when, _ := strings.Cut(strings.TrimSpace(line), " ")
		data, err := d.command(ctx, "cat-file", "blob", commit+":"+file).Output()
		if err != nil {
			data = nil // the commit took the file away
		}
		if !holds(data) {
			return since, known
		}
		if d.cut[commit] {
			return time.Time{}, false
		}
		if since, err = time.Parse(time.RFC3339, when); err != nil {
			return time.Time{}, false
		}
		known = true
	}
	return since, known
}
