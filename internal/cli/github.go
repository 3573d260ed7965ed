package cli

import (
	"errors"

	"kasou/pipelines/report"
	"kasou/pipelines/seal"
)

// onGitHub gives the runner of GitHub Actions around the process, or nil, and
// the world as it must be there: what is printed may hold text of others, so no
// line of it may be a command. Commands go to stderr, past that; stdout is the
// report's alone.
func onGitHub(env Env) (*report.GitHub, Env) {
	github, _ := report.NewGitHub(env.Getenv, env.Stderr)
	if github != nil {
		github.Mask(env.Getenv(seal.KeyEnv))
		env.Stdout, env.Stderr = github.Log(env.Stdout), github.Log(env.Stderr)
	}
	return github, env
}

// failed shows an error that no report has.
func (c *ciCommand) failed(err error) error {
	if err != nil && !errors.Is(err, errFindings) {
		c.github.Failure(err)
	}
	return err
}
