package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// openDagger looks for an engine, and has kasou build the tools for it: nobody
// else here builds helm in the measured time.
func (b *bench) openDagger(ctx context.Context) error {
	if reason := noEngine(); reason != "" {
		b.leaveOut(reason)
		return nil
	}
	fmt.Fprintln(b.progress, "bringing the tools to the Dagger engine")
	warm, err := b.newRepo(b.charts[0], 1)
	if err != nil {
		return err
	}
	if _, err := b.inContainers(warm, "build").run(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.leaveOut(err.Error())
	}
	return nil
}

// leaveOut goes on without containers: an engine that is gone should not cost
// what was measured before.
func (b *bench) leaveOut(reason string) {
	b.without = reason
	fmt.Fprintf(b.progress, "SKIPPED: the dagger toolchain: %s\n", reason)
}

// noEngine says why there are no containers; it is empty where there can be.
func noEngine() string {
	if os.Getenv("DAGGER_SESSION_PORT") != "" {
		return ""
	}
	if os.Getenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST") == "" {
		return "no engine: set _EXPERIMENTAL_DAGGER_RUNNER_HOST, such as to unix:///run/dagger/engine.sock, or start this by `dagger run`"
	}
	if _, err := exec.LookPath("dagger"); err != nil && os.Getenv("_EXPERIMENTAL_DAGGER_CLI_BIN") == "" {
		return "no dagger command in PATH"
	}
	return ""
}

// inContainers keeps the built tools over all rounds, so its cache is one for
// all. What kasou remembers of a build is told apart by the fleet's folder.
func (b *bench) inContainers(r repo, args ...string) command {
	return b.kasou(r, filepath.Join(b.dir, "dagger-cache"), "dagger", args...)
}

// daggerRound times the containers on a fleet that the engine has not seen. The
// processor time is the engine's, which nobody reports.
func (b *bench) daggerRound(ctx context.Context, r *result, chart string) error {
	fresh, err := b.newRepo(chart, r.size)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name contestant
		args []string
	}{
		{daggerCold, []string{"build"}},
		{daggerCached, []string{"build", "--no-cache"}},
		{daggerUnchanged, []string{"build"}},
	} {
		err := b.time(r, c.name, func() (time.Duration, error) {
			_, err := b.inContainers(fresh, c.args...).run(ctx)
			return 0, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
