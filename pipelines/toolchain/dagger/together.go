package dagger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	sdk "dagger.io/dagger"
	"golang.org/x/sync/errgroup"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/dagger/batch"
)

const (
	// maxTogether is the most that one container may give, in bytes.
	maxTogether = maxOutput
	// atOnce is how many containers of their own calls get at a time.
	atOnce = 16
	// together is how many times the timeout of one command all in a container may
	// take. What was not begun by half of it gets a container of its own.
	together = 4
)

// answer is what came of it.
type answer[A any] struct {
	value A
	err   error
}

// callable says how calls of one tool are answered.
type callable[Q, A any] struct {
	*Toolchain
	name string
	// shared answers calls by one container; nil is no answer. alone answers one.
	shared func(context.Context, []Q) ([]*answer[A], error)
	alone  func(context.Context, Q) (A, error)
	// check refuses a call before anything is asked of the engine; nil where all are
	// good. span is a call's name in a trace.
	check func(Q) error
	span  func(Q) string
}

// each answers all calls: together, where there are several, and by containers
// of their own those that had no answer, such as when the container died. So only
// what is at fault fails.
func (c callable[Q, A]) each(ctx context.Context, calls []Q) []toolchain.Result[A] {
	c.running.Add(1)
	defer c.running.Done()
	results := make([]toolchain.Result[A], len(calls))
	var good []Q
	var at []int
	for i, call := range calls {
		if c.check != nil {
			results[i].Err = c.check(call)
		}
		if results[i].Err == nil {
			good, at = append(good, call), append(at, i)
		}
	}
	for n, a := range c.answers(ctx, good) {
		if results[at[n]].Err = a.err; a.err == nil {
			results[at[n]].Value = a.value
		}
	}
	return results
}

func (c callable[Q, A]) answers(ctx context.Context, calls []Q) []*answer[A] {
	answers := make([]*answer[A], len(calls))
	spans := make([]context.Context, len(calls))
	ends := make([]func(error), len(calls))
	for i, call := range calls {
		spans[i], ends[i] = c.trace.start(ctx, c.span(call))
	}
	finish := func(i int, a answer[A]) {
		ends[i](a.err)
		answers[i] = &a
	}
	if len(calls) > 1 && c.built[batchTool] {
		got, err := c.together(ctx, calls)
		for i := range calls {
			switch {
			case err != nil:
				finish(i, answer[A]{err: err})
			case got[i] != nil:
				finish(i, *got[i])
			}
		}
	}
	var rest errgroup.Group
	rest.SetLimit(atOnce)
	for i, call := range calls {
		if answers[i] == nil {
			rest.Go(func() error {
				value, err := c.alone(spans[i], call)
				finish(i, answer[A]{value, err})
				return nil
			})
		}
	}
	_ = rest.Wait()
	return answers
}

// together has an error only where other containers would fail as well.
func (c callable[Q, A]) together(ctx context.Context, calls []Q) (got []*answer[A], err error) {
	ctx, end := c.trace.start(ctx, fmt.Sprintf("%s for %d clusters", c.name, len(calls)))
	defer func() { end(err) }()
	err = c.run(ctx, together*c.opts.Timeout, func(ctx context.Context) error {
		got, err = c.shared(ctx, calls)
		return err
	})
	if failed(err) != nil || errors.Is(err, errTimeout) {
		return make([]*answer[A], len(calls)), nil
	}
	return got, err
}

// batch runs the tool's commands in one container, which with adds inputs to. The
// result of a command that was not run is nil.
func (t *Toolchain) batch(ctx context.Context, tool string, commands []batch.Command, with func(*sdk.Container) *sdk.Container) ([]*batch.Result, error) {
	dir, err := t.folder()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var (
		on      *base
		starter *sdk.File
		order   *sdk.Directory
	)
	var parts errgroup.Group
	parts.Go(func() (err error) { on, err = t.base(ctx, tool); return err })
	parts.Go(func() (err error) { starter, err = t.binary(ctx, batchTool); return err })
	parts.Go(func() (err error) { order, err = t.order(ctx, dir, commands); return err })
	if err := parts.Wait(); err != nil {
		return nil, err
	}
	c := with(on.WithMountedFile("/batch", starter).WithMountedDirectory(batch.OrderDir, order))
	c = c.WithExec(append([]string{"/batch"}, on.start...), sdk.ContainerWithExecOpts{NoInit: true})
	text, err := c.File(batch.ResultsFile).Contents(ctx)
	if err != nil {
		return nil, err
	}
	results, err := batch.ReadResults(strings.NewReader(text), len(commands))
	if err != nil {
		return nil, fmt.Errorf("read what came from the engine: %w", err)
	}
	return results, nil
}

// order brings the commands to the engine, with all their files.
func (t *Toolchain) order(ctx context.Context, dir string, commands []batch.Command) (*sdk.Directory, error) {
	var data bytes.Buffer
	err := batch.WriteOrder(&data, batch.Order{
		Limit: t.opts.Timeout, Total: together / 2 * t.opts.Timeout,
		MaxOutput: maxOutput, MaxAll: maxTogether, Commands: commands,
	})
	file := filepath.Join(dir, batch.OrderFile)
	if err == nil {
		err = os.WriteFile(file, data.Bytes(), 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("write what goes to the engine: %w", err)
	}
	return t.engine.Host().Directory(dir).Sync(ctx)
}
