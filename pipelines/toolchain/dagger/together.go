package dagger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	sdk "dagger.io/dagger"
	"golang.org/x/sync/errgroup"

	"kasou/pipelines/toolchain/dagger/batch"
)

const (
	// groupSize is how many clusters share a container: enough that its price,
	// and that of its queries, is little beside the tool's own, and few enough that
	// one changed spec has few others rendered again.
	groupSize = 96
	// maxTogether is the most that one container may give, in bytes.
	maxTogether = maxOutput
	// together is how many times the timeout of one command all in a container may
	// take. What was not begun by half of it gets a container of its own.
	together = 4
)

// GroupSize is how many clusters a container is for; 1 where there is nothing to
// start a tool more than once in it, which takes a Go toolchain.
func (t *Toolchain) GroupSize() int {
	if !t.built[batchTool] {
		return 1
	}
	return groupSize
}

// asked is one call of a tool, with the name that its span has.
type asked[Q any] struct {
	span string
	of   Q
}

// answer is what came of it.
type answer[A any] struct {
	value A
	err   error
}

// tool says how calls of one tool are answered.
type callable[Q, A any] struct {
	*Toolchain
	name string
	// shared answers calls by one container; nil is no answer. alone answers one.
	shared func(context.Context, []Q) ([]*answer[A], error)
	alone  func(context.Context, Q) (A, error)
}

// each answers all calls: together, where there are several, and by containers
// of their own those that had no answer, such as when the container died. So only
// what is at fault fails.
func (c callable[Q, A]) each(ctx context.Context, calls []asked[Q]) []answer[A] {
	c.running.Add(1)
	defer c.running.Done()
	answers := make([]*answer[A], len(calls))
	spans := make([]context.Context, len(calls))
	ends := make([]func(error), len(calls))
	for i, call := range calls {
		spans[i], ends[i] = c.trace.start(ctx, call.span)
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
	var rest sync.WaitGroup
	for i, call := range calls {
		if answers[i] == nil {
			rest.Go(func() {
				value, err := c.alone(spans[i], call.of)
				finish(i, answer[A]{value, err})
			})
		}
	}
	rest.Wait()
	all := make([]answer[A], len(calls))
	for i, a := range answers {
		all[i] = *a
	}
	return all
}

// together has an error only where other containers would fail as well.
func (c callable[Q, A]) together(ctx context.Context, calls []asked[Q]) (got []*answer[A], err error) {
	of := make([]Q, len(calls))
	for i, call := range calls {
		of[i] = call.of
	}
	ctx, end := c.trace.start(ctx, fmt.Sprintf("%s for %d clusters", c.name, len(calls)))
	defer func() { end(err) }()
	err = c.run(ctx, together*c.opts.Timeout, func(ctx context.Context) error {
		got, err = c.shared(ctx, of)
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
