package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"kasou/pipelines/report"
	"kasou/pipelines/seal"
)

// onGitHub readies the command that args name for GitHub's Actions: ci tells the
// runner what it found, by workflow commands on stderr. What it prints may hold text
// of others, so no line of that may be a command.
func (f *flags) onGitHub(root *cobra.Command, args []string) {
	c, _, err := root.Find(args)
	if err != nil || c.Name() != ciName {
		return
	}
	f.github, _ = report.NewGitHub(f.env.Getenv, f.env.Stderr)
	if f.github == nil {
		return
	}
	f.github.Mask(f.env.Getenv(seal.KeyEnv))
	f.env.Stdout, f.env.Stderr = f.github.Log(f.env.Stdout), f.github.Log(f.env.Stderr)
	root.SetOut(f.env.Stdout)
	root.SetErr(f.env.Stderr)
}

// failed shows an error that no report has.
func (c *ciCommand) failed(err error) error {
	if err != nil && !errors.Is(err, errFindings) {
		c.github.Failure(err)
	}
	return err
}
