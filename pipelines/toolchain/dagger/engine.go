package dagger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	sdk "dagger.io/dagger"
	"github.com/Masterminds/semver/v3"
)

const (
	// SDKVersion is that of the dagger.io/dagger module; a test holds it to
	// go.mod. Dagger's CLI should be the same.
	SDKVersion = "v0.21.8"

	runnerHostEnv = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
	cliEnv        = "_EXPERIMENTAL_DAGGER_CLI_BIN"
	// supported are the engines that the SDK was seen to work with, 0.19.11 and
	// 0.21.8, and those between.
	supported = ">= 0.19.11, < 0.22"
	// probeTimeout is how long an engine may take to say that it is there.
	probeTimeout = 10 * time.Second
)

// engine is a session with a Dagger engine.
type engine struct {
	*sdk.Client
	// where names it in messages.
	where string
	end   context.CancelFunc
	// lost is set once it does not answer any more.
	lost atomic.Bool
}

// connect opens a session. Every error is an *EngineError, but for the
// context's.
func connect(ctx context.Context, o Options) (*engine, error) {
	e := &engine{where: "this session"}
	if !inSession(os.Getenv) {
		e.where = os.Getenv(runnerHostEnv)
		if err := e.reachable(ctx); err != nil {
			return nil, err
		}
	}
	if err := e.open(ctx, o); err != nil {
		return nil, err
	}
	if err := e.checkVersion(ctx, o.ConnectTimeout); err != nil {
		_ = e.close()
		return nil, err
	}
	return e, nil
}

func (e *engine) fault(f Fault, err error) error {
	return &EngineError{Fault: f, Engine: e.where, Err: err}
}

// reachable asks what the Dagger CLI would ask for many minutes: whether there
// is anything at the address. It also makes sure that there is a CLI, which the
// SDK would otherwise download.
func (e *engine) reachable(ctx context.Context) error {
	if e.where == "" {
		e.where = "no address"
		return e.fault(Unreachable, fmt.Errorf("neither `dagger run` nor %s is there", runnerHostEnv))
	}
	if os.Getenv(cliEnv) == "" {
		cli, err := exec.LookPath("dagger")
		if err != nil {
			return e.fault(Unreachable, fmt.Errorf("the dagger command is missing: install %s, or name it in %s", SDKVersion, cliEnv))
		}
		// The SDK looks for the command nowhere else.
		if err := os.Setenv(cliEnv, cli); err != nil {
			return fmt.Errorf("set %s: %w", cliEnv, err)
		}
	}
	var network, address string
	switch u, err := url.Parse(e.where); {
	case err != nil:
		return e.fault(Unreachable, err)
	case u.Scheme == "unix":
		network, address = "unix", u.Host+u.Path
	case u.Scheme == "tcp":
		network, address = "tcp", u.Host
	default:
		return nil // docker-image:, kube-pod: and the like are the CLI's to start
	}
	dialer := net.Dialer{Timeout: probeTimeout}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return e.fault(Unreachable, err)
	}
	return conn.Close()
}

// open starts the session. It outlives ctx, so that what was begun can end in
// order: every query has a context of its own.
func (e *engine) open(ctx context.Context, o Options) error {
	session, end := context.WithCancel(context.WithoutCancel(ctx))
	e.end = end
	type opened struct {
		client *sdk.Client
		err    error
	}
	done := make(chan opened, 1)
	go func() {
		client, err := sdk.Connect(session, sdk.WithLogOutput(o.Log))
		done <- opened{client, err}
	}()
	timeout := time.NewTimer(o.ConnectTimeout)
	defer timeout.Stop()
	select {
	case got := <-done:
		e.Client = got.client
		if got.err != nil {
			end()
			return e.refused(got.err)
		}
		return nil
	case <-ctx.Done():
		end()
		return context.Cause(ctx)
	case <-timeout.C:
		end()
		return e.fault(Unreachable, fmt.Errorf("no answer within %s", o.ConnectTimeout))
	}
}

// refused tells an engine that the CLI does not speak with from one that it
// does not reach.
func (e *engine) refused(err error) error {
	if strings.Contains(err.Error(), "incompatible engine version") {
		return &EngineError{Fault: Unsupported, Engine: e.where, Version: "that the dagger command refuses", Err: err}
	}
	return e.fault(Unreachable, err)
}

func (e *engine) checkVersion(ctx context.Context, timeout time.Duration) error {
	asked, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	version, err := e.Version(asked)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return e.fault(Unreachable, err)
	}
	if !supports(version) {
		return &EngineError{Fault: Unsupported, Engine: e.where, Version: version}
	}
	return nil
}

// supports holds an engine's version against the range. A build between two
// releases, such as v0.21.9-260101-dev, counts as the release to come.
func supports(version string) bool {
	v, err := semver.NewVersion(version)
	if err != nil {
		return false
	}
	wanted, err := semver.NewConstraint(supported)
	if err != nil {
		return false
	}
	return wanted.Check(semver.New(v.Major(), v.Minor(), v.Patch(), "", ""))
}

// why tells what became of a query: the command's own failure, the caller's
// context, an engine that is gone, or an error of the engine that is not. The
// last is given as it is.
func (e *engine) why(ctx context.Context, err error) error {
	switch {
	case failed(err) != nil:
		return err
	case errors.Is(context.Cause(ctx), context.Canceled), errors.Is(ctx.Err(), context.Canceled):
		return context.Cause(ctx)
	}
	probe, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	if _, gone := e.Version(probe); gone != nil {
		e.lost.Store(true)
		return e.fault(Lost, err)
	}
	return err
}

// close ends the session. One that was lost is left behind after a moment: its
// dagger command waits minutes for the engine.
func (e *engine) close() error {
	defer e.end()
	done := make(chan error, 1)
	go func() { done <- e.Close() }()
	var enough <-chan time.Time
	if e.lost.Load() {
		enough = time.After(time.Second)
	}
	select {
	case err := <-done:
		if err != nil && !e.lost.Load() {
			return fmt.Errorf("close the Dagger session: %w", err)
		}
	case <-enough:
	}
	return nil
}
