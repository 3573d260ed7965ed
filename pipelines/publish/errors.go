package publish

import (
	"fmt"

	"kasou/pipelines/finding"
)

// Kind is why nothing could be published.
type Kind string

// The kinds of an Error. NotReady is a working copy that cannot be published
// from, Denied a server that does not let this user push, Protected one that
// does not take this commit, Gone a branch that is not there, Diverged a branch
// that has moved on without the commits here, Contended one that others pushed
// to before each try, and Network a server that could not be asked.
const (
	NotReady  Kind = "not ready"
	Denied    Kind = "denied"
	Protected Kind = "protected"
	Gone      Kind = "gone"
	Diverged  Kind = "diverged"
	Contended Kind = "contended"
	Network   Kind = "network"
)

// Error is a publication that could not be finished: exit code 3. Nothing was
// pushed, and the working copy is as the build left it.
type Error struct {
	Kind Kind
	// Message says what is wrong, Hint what to do. Neither holds a credential.
	Message, Hint string
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + ". " + e.Hint
}

// FindingsError is a tree that must not be published, because its build has
// findings: exit code 1.
type FindingsError struct {
	// Commit is what the tree was built from: the findings' places are there.
	Commit   string
	Findings finding.List
}

func (e *FindingsError) Error() string {
	const text = "nothing is published: the build of %s has findings, and %d of them must be mended first"
	return fmt.Sprintf(text, short(e.Commit), e.Findings.Count(finding.Error))
}

func short(id string) string { return id[:min(len(id), 12)] }
