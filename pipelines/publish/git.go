package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// git runs the git command in one folder.
type git struct {
	dir string
	env []string
}

// always are the settings of every command. Hooks of the working copy are for
// people's commits: one that reformats would break the digests in the locks.
// No answer for a minute is a lost connection.
var always = []string{
	"--literal-pathspecs",
	"-c", "core.hooksPath=" + os.DevNull,
	"-c", "core.fsmonitor=false",
	"-c", "gc.auto=0",
	"-c", "maintenance.auto=false",
	"-c", "i18n.commitEncoding=UTF-8",
	"-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60",
}

// foreign are the variables by which a git that runs kasou, in a hook or an
// alias, would send our commands to its own repository and index, and those
// that change what git prints.
var foreign = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX",
	"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_NAMESPACE",
	"GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS",
	"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
	"GIT_CURL_VERBOSE", "GIT_DEFAULT_HASH", "GIT_PUSH_OPTION_COUNT",
}

func newGit(dir string) git {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(foreign, name) || strings.HasPrefix(name, "GIT_TRACE")
	})
	env = append(env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never", "GIT_OPTIONAL_LOCKS=0")
	return git{dir: dir, env: env}
}

func (g git) with(env ...string) git {
	return git{dir: g.dir, env: slices.Concat(g.env, env)}
}

// failure is a git command that ended badly.
type failure struct {
	command        string
	stdout, stderr string
	err            error
}

func (f *failure) Error() string {
	said := lastWords(f.stderr)
	if said == "" {
		said = f.err.Error()
	}
	return fmt.Sprintf("git %s: %s", f.command, said)
}

func (f *failure) Unwrap() error { return f.err }

// run returns what git prints. The error is a *failure, or ctx's.
func (g git) run(ctx context.Context, stdin []byte, args ...string) (string, error) {
	return g.stream(ctx, func(w io.Writer) error { _, err := w.Write(stdin); return err }, args...)
}

// stream is run for a command that is fed while it runs. An error of feed's counts for more
// than git's answer to what it got.
func (g git) stream(ctx context.Context, feed func(io.Writer) error, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", slices.Concat(always, args)...)
	in, out := io.Pipe()
	cmd.Dir, cmd.Env, cmd.Stdin = g.dir, g.env, in
	fed := make(chan error, 1)
	go func() {
		err := feed(out)
		_ = out.CloseWithError(err)
		fed <- err
	}()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A gentle signal first: git takes its lock files away.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	_ = in.Close() // a git that ended early reads no more
	wrong := <-fed
	if ctx.Err() != nil && err != nil {
		return "", ctx.Err()
	}
	if wrong != nil && !errors.Is(wrong, io.ErrClosedPipe) {
		return "", wrong
	}
	if err != nil {
		return stdout.String(), &failure{command: args[0], stdout: stdout.String(), stderr: stderr.String(), err: err}
	}
	return stdout.String(), nil
}

// line returns what git prints, without the line's end.
func (g git) line(ctx context.Context, args ...string) (string, error) {
	out, err := g.run(ctx, nil, args...)
	return strings.TrimRight(out, "\r\n"), err
}

// ask is for commands that answer no by exit code 1: the second result.
func (g git) ask(ctx context.Context, args ...string) (string, bool, error) {
	out, err := g.line(ctx, args...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return "", false, nil
	}
	return out, err == nil, err
}

// ancestor reports whether the history of b holds a.
func (g git) ancestor(ctx context.Context, a, b string) (bool, error) {
	_, yes, err := g.ask(ctx, "merge-base", "--is-ancestor", a, b)
	return yes, err
}

// differing returns the files that `git status` lists with more of its options.
func (g git) differing(ctx context.Context, options ...string) ([]string, error) {
	out, err := g.run(ctx, nil, append([]string{"status", "--porcelain", "-z", "--untracked-files=all", "--no-renames"}, options...)...)
	files := fields(out)
	for i, line := range files {
		files[i] = line[min(3, len(line)):]
	}
	return files, err
}

// fields splits NUL-terminated output.
func fields(out string) []string {
	return strings.FieldsFunc(out, func(r rune) bool { return r == 0 })
}

var userinfo = regexp.MustCompile(`://[^\s'"]*@`)

// scrub takes credentials out of URLs.
func scrub(s string) string { return userinfo.ReplaceAllString(s, "://***@") }

// lastWords returns the end of what git or the server said, on one line, with
// nothing in it that moves a cursor or holds a credential.
func lastWords(stderr string) string {
	const lines, length = 6, 600
	var said []string
	for line := range strings.Lines(scrub(stderr)) {
		line = strings.TrimSpace(strings.Map(printable, line))
		if line != "" && !strings.HasPrefix(line, "hint:") {
			said = append(said, line)
		}
	}
	said = said[max(0, len(said)-lines):]
	joined := []rune(strings.Join(said, "; "))
	return string(joined[max(0, len(joined)-length):])
}

func printable(r rune) rune {
	if unicode.IsGraphic(r) && r != unicode.ReplacementChar {
		return r
	}
	return ' '
}
