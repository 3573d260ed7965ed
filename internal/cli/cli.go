// Package cli holds kasou's commands, one file each, and their exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"kasou/pipelines/finding"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Exit codes of every command.
const (
	// ExitOK: all is as it should be.
	ExitOK = 0
	// ExitFindings: a bad spec, an invalid manifest, a stale tree.
	ExitFindings = 1
	// ExitUsage: a flag or an argument that makes no sense.
	ExitUsage = 2
	// ExitUnfinished: network, disk or tool failed; run it again.
	ExitUnfinished = 3
)

// Env is the world that a command runs in.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	// Dir is the working directory.
	Dir string
}

// path returns a path that was named on the command line, from the working directory.
func (e Env) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(e.Dir, name)
}

// System is the process's own world.
func System() Env {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	return Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Dir: dir}
}

// errFindings ends a command whose report said what is wrong.
var errFindings = errors.New("findings")

// usageError is a mistake in how the command was called.
type usageError struct{ error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// Main runs kasou with the arguments (without the program's name) and gives
// the exit code. An interrupt or SIGTERM ends the work between two files, never
// within one; a second one ends the process.
func Main(args []string, env Env) int {
	root, f := newRoot(env)
	f.onGitHub(root, args)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop()
	}()
	root.SetArgs(args)
	return exitCode(root.ExecuteContext(ctx), f.env.Stderr)
}

// Command returns kasou's command, for what is generated of it: it is not to be run.
func Command() *cobra.Command {
	root, _ := newRoot(System())
	return root
}

func exitCode(err error, stderr io.Writer) int {
	var usage usageError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errFindings):
		if errors.Is(err, errNothingPublished) {
			fmt.Fprintf(stderr, "kasou: %v\n", errNothingPublished)
		}
		return ExitFindings
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "kasou: %v\n", err)
		return ExitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "kasou: interrupted; run the same command again to finish")
		return ExitUnfinished
	default:
		fmt.Fprintf(stderr, "kasou: %v\n", err)
		return ExitUnfinished
	}
}

func newRoot(env Env) (*cobra.Command, *flags) {
	root := newCommand(env, &cobra.Command{
		Use:     "kasou",
		Version: version(),
		Short:   "Virtual Kubernetes clusters by GitOps",
		Long: `kasou turns clusters/NAME/spec.yaml into everything that Argo CD needs to run
that virtual cluster, keeps it true, and fails the build when it is not.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q%s; kasou --help lists them", args[0], meant(args[0], commands(c)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	})
	f := addCommonFlags(root, env)
	root.AddCommand(
		newInit(f), newNew(f), newImport(f), newValues(f), newBuild(f), newCheck(f), newLock(f), newRegister(f), newRetire(f), newPlan(f), newUpgrade(f), newDrift(f), newCI(f), newDoctor(f), newExplain(f), newVersion(f),
	)
	completeFilesWhereWanted(root)
	root.InitDefaultCompletionCmd("completion")
	return root, f
}

// newCommand ties a top command to its world.
func newCommand(env Env, c *cobra.Command) *cobra.Command {
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetIn(env.Stdin)
	c.SetOut(env.Stdout)
	c.SetErr(env.Stderr)
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError{flagMeant(c, err)} })
	return c
}

// isTerminal reports whether w is a terminal that shows escapes.
func isTerminal(env Env, w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && env.Getenv("TERM") != "dumb"
}

// colors reports whether to colour what goes to w: https://no-color.org.
func colors(env Env, w io.Writer) bool {
	return isTerminal(env, w) && env.Getenv("NO_COLOR") == ""
}

// quoted lists names as people read them: "a", "b" and "c".
func quoted(names []string) string {
	parts := inQuotes(names)
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

func inQuotes(names []string) []string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = strconv.Quote(n)
	}
	return parts
}

// quotedFew is quoted for ten names at most; of more it says how many.
func quotedFew(names []string) string {
	const most = 10
	if len(names) <= most {
		return quoted(names)
	}
	return finding.Few(inQuotes(names), most)
}
