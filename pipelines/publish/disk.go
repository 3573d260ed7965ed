package publish

import (
	"context"
	"strings"
)

// fromDisk commits the working copy's files, if they can be taken for what
// rebuild would make of HEAD. nothing says that they are as HEAD has them.
func (j *job) fromDisk(ctx context.Context) (nothing bool, err error) {
	copy := workingCopy{j.Publisher, j.mine}
	reason, err := copy.distrust(ctx)
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

// workingCopy is the tree on disk, in which mine are the files that the build names.
type workingCopy struct {
	*Publisher
	mine map[string]bool
}

// distrust returns why the tree on disk may differ from one that is built from
// HEAD; empty where it cannot.
func (w workingCopy) distrust(ctx context.Context) (string, error) {
	for _, doubt := range []func(context.Context) (string, error){w.moved, w.converted, w.hidden, w.dirty, w.ignored} {
		if reason, err := doubt(ctx); err != nil || reason != "" {
			return reason, err
		}
	}
	return "", nil
}

func (w workingCopy) moved(ctx context.Context) (string, error) {
	head, err := w.git.line(ctx, "rev-parse", "HEAD")
	if err != nil || head == w.head {
		return "", err
	}
	return "HEAD has moved since the build began", nil
}

// converted is about line ends: inputs on disk are not what is committed.
func (w workingCopy) converted(ctx context.Context) (string, error) {
	for name, bad := range map[string]string{"core.autocrlf": "true", "core.eol": "crlf"} {
		value, _, err := w.git.ask(ctx, "config", name)
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
func (w workingCopy) hidden(ctx context.Context) (string, error) {
	out, err := w.git.run(ctx, nil, "ls-files", "-z", "-v")
	for _, file := range fields(out) {
		if tag := file[0]; tag == 'S' || tag >= 'a' && tag <= 'z' {
			return "the checkout is sparse, or git does not watch every file of it", err
		}
	}
	return "", err
}

func (w workingCopy) dirty(ctx context.Context) (string, error) {
	files, err := w.git.differing(ctx, "--ignore-submodules=none")
	for _, file := range files {
		if !w.mine[file] {
			return "uncommitted changes here, such as of " + lastWords(file), err
		}
	}
	return "", err
}

func (w workingCopy) ignored(ctx context.Context) (string, error) {
	if len(w.Inputs) == 0 {
		return "", nil
	}
	args := append([]string{"ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--"}, w.Inputs...)
	out, err := w.git.run(ctx, nil, args...)
	for _, file := range fields(out) {
		if !w.mine[file] {
			return "files here that git ignores, such as " + lastWords(file), err
		}
	}
	return "", err
}
