package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// Tree is one commit's files, which one git process reads. Any number of
// goroutines may use it.
type Tree struct {
	repository
	commit string

	mu     sync.Mutex
	ended  error
	cmd    *exec.Cmd
	ask    io.WriteCloser
	answer *bufio.Reader
}

// ErrNoCommit is a name that is not of a commit in this clone.
var ErrNoCommit = errors.New("is not a commit of this clone")

// UnreadError says why git says nothing of a repository that is there, and what to do.
type UnreadError struct{ Reason string }

func (e *UnreadError) Error() string { return e.Reason }

// Base returns the commit that a change of the working copy at root starts from:
// where against names one, the newest that it has in common with HEAD; for a merge
// commit that beforeMerge says is GitHub's own, its first parent; else HEAD. It is
// nil outside of a repository and before the first commit. The error is
// ErrNoCommit where against names none, and an *UnreadError where git does not read the
// repository.
func Base(ctx context.Context, root, against string, beforeMerge bool) (*Tree, error) {
	t := &Tree{repository: repository{root}, commit: "HEAD"}
	if !t.isTop(ctx) {
		if reason := t.unread(ctx); reason != "" {
			return nil, &UnreadError{reason}
		}
		return nil, nil
	}
	if _, err := t.git(ctx, "rev-parse", "--verify", "--quiet", "HEAD"); err != nil {
		return nil, nil
	}
	if against != "" {
		commit, err := t.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", against+"^{commit}")
		if err != nil {
			return nil, fmt.Errorf("%s %w: fetch more of its history", against, ErrNoCommit)
		}
		t.commit = commit
		if common, err := t.git(ctx, "merge-base", commit, "HEAD"); err == nil {
			t.commit = common // a shallow clone may have none
		}
		return t, nil
	}
	if beforeMerge {
		if parent, err := t.git(ctx, "rev-parse", "--verify", "--quiet", "HEAD^2"); err == nil && parent != "" {
			t.commit = "HEAD^1"
		}
	}
	return t, nil
}

// Differs returns the paths, from the root, of the files that match the pattern of
// git's glob and are not in the working copy as they are in the commit. The error is
// git's.
func (t *Tree) Differs(ctx context.Context, pattern string) ([]string, error) {
	listed, err := t.git(ctx, "diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", t.commit, "--", ":(top,glob)"+pattern)
	if err != nil {
		return nil, fmt.Errorf("git diff: %w", err)
	}
	return strings.FieldsFunc(listed, func(r rune) bool { return r == 0 }), nil
}

// File returns a file's content, by its path from the root; nil where the commit does
// not have it. The error is git's.
func (t *Tree) File(ctx context.Context, path string) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if strings.Contains(path, "\n") {
		return nil, fmt.Errorf("git: the name of %q has a line break in it", path)
	}
	if t.ended == nil && t.cmd == nil {
		t.ended = t.start(ctx)
	}
	if t.ended != nil {
		return nil, t.ended
	}
	data, err := t.read(path)
	if err != nil {
		t.ended = fmt.Errorf("git cat-file: %w", err)
	}
	return data, t.ended
}

func (t *Tree) start(ctx context.Context) error {
	cmd := t.command(ctx, "cat-file", "--batch")
	ask, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	answer, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("git cat-file: %w", err)
	}
	t.cmd, t.ask, t.answer = cmd, ask, bufio.NewReader(answer)
	return nil
}

func (t *Tree) read(path string) ([]byte, error) {
	if _, err := fmt.Fprintf(t.ask, "%s:%s\n", t.commit, path); err != nil {
		return nil, err
	}
	head, err := t.answer.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(head, " missing\n") {
		return nil, nil
	}
	fields := strings.Fields(head)
	if len(fields) != 3 {
		return nil, fmt.Errorf("it answers %q", head)
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil {
		return nil, err
	}
	data := make([]byte, size+1) // a line feed follows
	if _, err := io.ReadFull(t.answer, data); err != nil {
		return nil, err
	}
	if fields[1] != "blob" {
		return nil, nil
	}
	return data[:size], nil
}

// Close ends the git process. It may be called on nil.
func (t *Tree) Close() {
	if t == nil || t.cmd == nil {
		return
	}
	_ = t.ask.Close()
	_ = t.cmd.Wait()
}
