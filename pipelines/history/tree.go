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
	Repository
	commit string

	mu     sync.Mutex
	ended  error
	cmd    *exec.Cmd
	ask    io.WriteCloser
	answer *bufio.Reader
}

// ErrNoCommit is a name that is not of a commit in this clone.
var ErrNoCommit = errors.New("is not a commit of this clone")

// Start says which commit a change of the working copy starts from.
type Start struct {
	// Against names one that a person or a push names; empty where none does.
	Against string
	// BeforeMerge says that HEAD is a change that nobody has merged, or the host's own
	// merge of one, and Merge what the event tells of it.
	BeforeMerge bool
	Merge       Merge
}

// Merge is one that a person asks for. Either commit is empty where the event does not tell.
type Merge struct {
	// Into is the commit that the change goes to, as it was when the event was made: the
	// branch may have moved since. Tip is the newest commit of the change.
	Into, Tip string
}

// Base returns the commit that a change of the working copy starts from: where Against
// names one, the newest that it has in common with HEAD; before a merge, the first parent
// of the host's merge commit where HEAD is that, and else the newest that Into and HEAD
// have in common, or the first parent of a merge commit where the clone does not have Into;
// else HEAD. It is nil outside of a repository and before the first commit. The error is
// ErrNoCommit where the clone does not have the commit.
func (r Repository) Base(ctx context.Context, start Start) (*Tree, error) {
	if len(r.commits) == 0 {
		return nil, nil
	}
	merge := len(r.commits) > 2
	at := func(commit string) (*Tree, error) { return &Tree{Repository: r, commit: commit}, nil }
	switch {
	case start.Against != "":
		return r.since(ctx, start.Against)
	case !start.BeforeMerge:
		return at(r.Head())
	case start.Merge.Tip != "" && merge && r.commits[2] == start.Merge.Tip:
		return at(r.commits[1]) // which is newer than Into, where the branch has moved
	case start.Merge.Into != "" && r.commitOf(ctx, start.Merge.Into) != "":
		return r.since(ctx, start.Merge.Into)
	case merge:
		return at(r.commits[1])
	case start.Merge.Into != "":
		return nil, fmt.Errorf("%s, which the change goes to, %w: fetch more of its history", start.Merge.Into, ErrNoCommit)
	case r.isCut():
		return nil, fmt.Errorf("what HEAD is a merge of %w: fetch more of its history", ErrNoCommit)
	}
	return at(r.Head())
}

// since returns the newest commit that a named one has in common with HEAD, or, in a
// shallow clone without one, the named one.
func (r Repository) since(ctx context.Context, name string) (*Tree, error) {
	commit := r.commitOf(ctx, name)
	if commit == "" {
		return nil, fmt.Errorf("%s %w: fetch more of its history", name, ErrNoCommit)
	}
	if common, err := r.git(ctx, "merge-base", commit, "HEAD"); err == nil {
		commit = common
	}
	return &Tree{Repository: r, commit: commit}, nil
}

// Differs returns the paths, from the root, of the files that match one of the patterns of
// git's glob and are not in the working copy as they are in the commit. The error is
// git's.
func (t *Tree) Differs(ctx context.Context, patterns ...string) ([]string, error) {
	return t.differing(ctx, patterns, t.commit)
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
