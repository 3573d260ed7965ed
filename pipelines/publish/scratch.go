package publish

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// buildOn builds the tree from the commit base in a folder of its own and
// commits it; nil where nothing changes. The working copy is not touched, so
// nothing that a person has there can be lost.
func (j *job) buildOn(ctx context.Context, base string) (*commit, error) {
	j.Log("Building on " + short(base))
	temp, err := os.MkdirTemp("", "kasou-publish-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	if temp, err = filepath.EvalSymlinks(temp); err != nil {
		return nil, err
	}
	root := filepath.Join(temp, "tree")
	if err := j.export(ctx, base, root, filepath.Join(temp, "index")); err != nil {
		return nil, err
	}
	built, err := j.rebuild(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("build on %s: %w", short(base), err)
	}
	if built.Findings.Failed() {
		return nil, &FindingsError{Commit: base, Findings: built.Findings}
	}
	return j.commitFiles(ctx, root, built, base)
}

// export writes the files of a commit, all of them and with their line ends as
// committed. It is not a worktree of git's: a kill leaves nothing in the
// repository.
func (j *job) export(ctx context.Context, base, root, index string) error {
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	g := j.git.with("GIT_INDEX_FILE="+index, "GIT_WORK_TREE="+root)
	g.dir = root
	if _, err := g.run(ctx, nil, "read-tree", base); err != nil {
		return err
	}
	_, err := g.run(ctx, nil, "-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.sparseCheckout=false",
		"checkout-index", "--all", "--force", "--quiet")
	return err
}
