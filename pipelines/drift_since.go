package pipelines

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// dates asks git since when a file is as it is. Where there is no git, or
// not enough of its history, it knows nothing.
type dates struct {
	root string
	// cut are the commits at which a shallow clone ends: git takes every file
	// there for new.
	cut map[string]bool
}

// openDates looks for a repository whose top level is root.
func openDates(ctx context.Context, root string) dates {
	h := dates{root: root, cut: map[string]bool{}}
	top, err := h.git(ctx, "rev-parse", "--show-toplevel")
	if err != nil || !sameFolder(top, root) {
		return dates{}
	}
	shallow, err := h.git(ctx, "rev-parse", "--git-path", "shallow")
	if err != nil {
		return dates{}
	}
	if !filepath.IsAbs(shallow) {
		shallow = filepath.Join(root, shallow)
	}
	commits, _ := os.ReadFile(shallow) // a whole clone has no such file
	for _, commit := range strings.Fields(string(commits)) {
		h.cut[commit] = true
	}
	return h
}

func sameFolder(a, b string) bool {
	left, errLeft := os.Stat(a)
	right, errRight := os.Stat(b)
	return errLeft == nil && errRight == nil && os.SameFile(left, right)
}

func (h dates) git(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks", "--literal-pathspecs", "-C", h.root}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.Output()
	return strings.TrimRight(string(out), "\n"), err
}

// changed gives when the file's last change was committed, RFC 3339 in UTC;
// empty where it has changed since, or git does not know.
func (h dates) changed(ctx context.Context, file string) string {
	if h.root == "" {
		return ""
	}
	status, err := h.git(ctx, "status", "--porcelain", "--ignored", "--", file)
	if err != nil || status != "" {
		return ""
	}
	line, err := h.git(ctx, "log", "-1", "--format=%H %cI", "--", file)
	commit, when, _ := strings.Cut(line, " ")
	if err != nil || h.cut[commit] {
		return ""
	}
	at, err := time.Parse(time.RFC3339, when)
	if err != nil {
		return ""
	}
	return stamped(at)
}

// dated are the rules about one file that somebody changed.
var dated = map[finding.Rule]bool{
	tree.RuleHandEdit: true, tree.RuleMissing: true, tree.RuleUnknownFile: true,
	RuleRegistrationEdited: true, RuleRegistrationMissing: true,
}

func (w *watch) since(ctx context.Context, row *report.Row) {
	if row.Since == "" && row.File != "" && dated[row.Rule] {
		row.Since = w.git.changed(ctx, row.File)
	}
}
