package publish

import (
	"context"
	"strings"
)

// fromDisk commits the working copy's files, if they can be taken for what
// rebuild would make of HEAD. nothing says that they are as HEAD has them.
func (j *job) fromDisk(ctx context.Context) (nothing bool, err error) {
	reason, err := j.distrust(ctx)
	if err != nil {
		return false, err
	}
	if reason != "" {
		j.Log("The tree is built again from the branch's tip to be published: " + reason)
		return false, nil
	}
	j.own, err = j.commitFiles(ctx, j.Root, j.built, j.head)
	return err == nil && j.own == nil, err
}

// distrust says why the tree on disk may differ from one that is built from
// HEAD; empty where it cannot.
func (j *job) distrust(ctx context.Context) (string, error) {
	for _, doubt := range []func(context.Context) (string, error){j.moved, j.converted, j.hidden, j.dirty, j.ignored} {
		if reason, err := doubt(ctx); err != nil || reason != "" {
			return reason, err
		}
	}
	return "", nil
}

func (j *job) moved(ctx context.Context) (string, error) {
	head, err := j.git.line(ctx, "rev-parse", "HEAD")
	if err != nil || head == j.head {
		return "", err
	}
	return "HEAD has moved since the build began", nil
}

// converted is about line ends: inputs on disk are not what is committed.
func (j *job) converted(ctx context.Context) (string, error) {
	for name, bad := range map[string]string{"core.autocrlf": "true", "core.eol": "crlf"} {
		value, _, err := j.git.ask(ctx, "config", name)
		if err != nil {
			return "", err
		}
		if strings.EqualFold(value, bad) {
			return "git converts line ends here", nil
		}
	}
	return "", nil
}

// hidden are files whose state `git status` does not show: a sparse checkout
// leaves them out, or someone told git to look away.
func (j *job) hidden(ctx context.Context) (string, error) {
	out, err := j.git.run(ctx, nil, "ls-files", "-z", "-v")
	for _, file := range fields(out) {
		if tag := file[0]; tag == 'S' || tag >= 'a' && tag <= 'z' {
			return "the checkout is sparse, or git does not watch every file of it", err
		}
	}
	return "", err
}

func (j *job) dirty(ctx context.Context) (string, error) {
	out, err := j.git.run(ctx, nil, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none")
	if err != nil {
		return "", err
	}
	for _, line := range fields(out) {
		if file := line[min(3, len(line)):]; !j.mine[file] {
			return "uncommitted changes here, such as of " + lastWords(file), nil
		}
	}
	return "", nil
}

func (j *job) ignored(ctx context.Context) (string, error) {
	if len(j.Inputs) == 0 {
		return "", nil
	}
	args := append([]string{"ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--"}, j.Inputs...)
	out, err := j.git.run(ctx, nil, args...)
	for _, file := range fields(out) {
		if !j.mine[file] {
			return "files here that git ignores, such as " + lastWords(file), err
		}
	}
	return "", err
}
