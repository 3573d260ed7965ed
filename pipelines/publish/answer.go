package publish

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
)

// answer is what became of a push or fetch that failed.
type answer int

// stale is a branch that moved meanwhile: build again. lost is a connection or
// server that failed, perhaps after the push was done: look, and try again.
// refused is final.
const (
	stale answer = iota
	lost
	refused
)

// The words of servers and of git, in lower case. A push's status is
// "[rejected] (reason)" where git itself saw it, "[remote rejected] (reason)"
// where the server said it.
var (
	staleWords = []string{
		"non-fast-forward", "fetch first", "stale info", "needs force", "cannot lock ref", "failed to lock",
		"incorrect old value provided", "failed to update ref", "reference already exists", "reference missing",
		"but expected", "remote ref updated since checkout", "failed to write",
	}
	lostWords = []string{
		"internal server error", "internal error", "failed to report status", "unpacker error", "timed out", "timeout",
		"unable to migrate objects", "missing necessary objects", "try again",
	}
	deniedWords = []string{
		"permission denied", "permission to ", "access denied", "unauthorized", "read only", "read-only", "write access",
		"authentication failed", "could not read username", "could not read password", "terminal prompts disabled",
		"invalid credentials", "returned error: 401", "returned error: 403", "access rights are missing",
		"host key verification failed", "service not enabled",
	}
	localWords = []string{
		"no space left on device", "unable to create", "insufficient permission for adding", "read-only file system",
	}
	missingWords = []string{
		"repository not found", "returned error: 404", "does not appear to be a git repository", "' not found",
		"could not be found or you don't have permission", "unable to find remote helper", "url using bad/illegal format",
	}
)

func mentions(text string, words []string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// judge returns what to make of a push or fetch that failed; a refusal comes with
// an error to show. It returns err itself where that is not a failure of git's.
func judge(err error) (answer, error) {
	var f *failure
	if !errors.As(err, &f) {
		return refused, err
	}
	if status, reason, ok := pushStatus(f.stdout); ok {
		return judgeStatus(status, reason, f)
	}
	// What hooks say may hold any word, so only git's own lines count.
	var own []string
	for line := range strings.Lines(f.stderr) {
		if !strings.HasPrefix(line, "remote:") {
			own = append(own, line)
		}
	}
	switch said := strings.Join(own, ""); {
	case mentions(said, []string{"couldn't find remote ref"}):
		return refused, &Error{Kind: Gone}
	case mentions(said, localWords), exitCode(f) == usage:
		return refused, notReady("git cannot work here: "+lastWords(f.stderr), "kasou needs git 2.29 or later, and room to write")
	case mentions(said, deniedWords):
		return refused, denied(f)
	case mentions(said, missingWords):
		return refused, &Error{Kind: Denied,
			Message: "the remote repository is not there, or not for this user: " + lastWords(f.stderr),
			Hint:    "Look at the remote's URL and at the credentials"}
	}
	return lost, &Error{Kind: Network, Message: lastWords(f.stderr)}
}

// usage is the exit code of a git that does not know an option.
const usage = 129

func exitCode(f *failure) int {
	if exit, ok := errors.AsType[*exec.ExitError](f.err); ok {
		return exit.ExitCode()
	}
	return -1
}

// pushStatus reads the line of `git push --porcelain` for a ref that was not
// updated: "!", a tab, the refspec, a tab, "[status] (reason)".
func pushStatus(stdout string) (status, reason string, ok bool) {
	for line := range strings.Lines(stdout) {
		parts := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		if len(parts) == 3 && parts[0] == "!" {
			status, reason, _ = strings.Cut(parts[2], "] ")
			return strings.TrimPrefix(status, "["), strings.Trim(reason, "()"), true
		}
	}
	return "", "", false
}

func judgeStatus(status, reason string, f *failure) (answer, error) {
	said := lastWords(f.stderr)
	switch {
	case mentions(reason, staleWords):
		return stale, &Error{Kind: Contended, Message: lastWords(reason)}
	case status == "remote failure", mentions(reason, lostWords):
		return lost, &Error{Kind: Network, Message: lastWords(reason)}
	case mentions(reason, deniedWords):
		return refused, denied(f)
	case mentions(reason, []string{"shallow update not allowed"}):
		return refused, notReady("the server takes no push from this shallow clone", "Run git fetch --unshallow first")
	}
	return refused, &Error{
		Kind:    Protected,
		Message: "the server does not take the commit (" + lastWords(reason) + "): " + said,
		Hint: "Nothing was pushed. Allow this user to push to the branch (a bypass in its protection or ruleset), " +
			"or publish to another branch and open a pull request",
	}
}

func denied(f *failure) error {
	return &Error{
		Kind:    Denied,
		Message: "the server does not let this user in, or not push: " + lastWords(f.stderr),
		Hint: "Give the job a token that may write (GitHub Actions: permissions: contents: write), " +
			"or a deploy key with write access",
	}
}
