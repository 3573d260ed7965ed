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

// answerSome answers the calls of which keep is true by one call of answer.
func answerSome[Q, A any](calls []Q, results []toolchain.Result[A], keep func(i int) bool, answer func([]Q) []toolchain.Result[A]) {
	var some []Q
	var at []int
	for i, call := range calls {
		if keep(i) {
			some, at = append(some, call), append(at, i)
		}
	}
	for n, result := range answer(some) {
		results[at[n]] = result
	}
}

// callable says how calls of one tool are answered.
type callable[Q, A any] struct {
	*containers
	name string
	// shared answers calls by one container; nil is not an answer. alone answers one.
	shared func(context.Context, []Q) ([]*toolchain.Result[A], error)
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
	good := func(i int) bool {
		if c.check != nil {
			results[i].Err = c.check(calls[i])
		}
		return results[i].Err == nil
	}
	answerSome(calls, results, good, func(calls []Q) []toolchain.Result[A] { return c.answers(ctx, calls) })
	return results
}

func (c callable[Q, A]) answers(ctx context.Context, calls []Q) []toolchain.Result[A] {
	answers, have := make([]toolchain.Result[A], len(calls)), make([]bool, len(calls))
	spans := make([]context.Context, len(calls))
	ends := make([]func(error), len(calls))
	for i, call := range calls {
		spans[i], ends[i] = c.trace.start(ctx, c.span(call))
	}
	finish := func(i int, a toolchain.Result[A]) {
		ends[i](a.Err)
		answers[i], have[i] = a, true
	}
	if len(calls) > 1 && c.built[batchTool] {
		got, err := c.together(ctx, calls)
		for i := range calls {
			switch {
			case err != nil:
				finish(i, toolchain.Result[A]{Err: err})
			case got[i] != nil:
				finish(i, *got[i])
			}
		}
	}
	var rest errgroup.Group
	rest.SetLimit(atOnce)
	for i, call := range calls {
		if !have[i] {
			rest.Go(func() error {
				value, err := c.alone(spans[i], call)
				finish(i, toolchain.Result[A]{Value: value, Err: err})
				return nil
			})
		}
	}
	_ = rest.Wait()
	return answers
}

// together has an error only where other containers would fail as well.
func (c callable[Q, A]) together(ctx context.Context, calls []Q) (got []*toolchain.Result[A], err error) {
	ctx, end := c.trace.start(ctx, fmt.Sprintf("%s for %d clusters", c.name, len(calls)))
	defer func() { end(err) }()
	err = c.run(ctx, together*c.opts.Timeout, func(ctx context.Context) error {
		got, err = c.shared(ctx, calls)
		return err
	})
	if failed(err) != nil || errors.Is(err, errTimeout) {
		return make([]*toolchain.Result[A], len(calls)), nil
	}
	return got, err
}

// batch runs the tool's commands in one container, which with adds inputs to. The
// result of a command that was not run is nil.
func (t *containers) batch(ctx context.Context, tool string, commands []batch.Command, with func(*sdk.Container) *sdk.Container) ([]*batch.Result, error) {
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
func (t *containers) order(ctx context.Context, dir string, commands []batch.Command) (*sdk.Directory, error) {
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
