// Package dagger is the toolchain that runs the upstream commands, helm,
// kubeseal and kubeconform, in containers of a Dagger engine. A container holds
// one static tool and its inputs, and nothing else.
// docs/adr/0006-dagger-toolchain.md says why it is as it is.
package dagger

import (
	"context"
	"errors"
	"fmt"
	"os"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

var _ toolchain.Toolchain = (*Toolchain)(nil)

// Toolchain runs the calls of a tool in containers: those of one batch in one, any other
// in one of its own. Several goroutines may use it.
type Toolchain struct {
	containers
	kubeconform kubeconform
	// checker holds values against charts' schemas and sees whether charts render the
	// same every time, which no container can: there, nothing sets the clock.
	checker *embedded.Checker
}

// Connect opens a session with the engine that the environment names, and
// builds the tools that have no image, unless the cache has them: so nothing is
// missing half-way. An engine that cannot be used is an *EngineError.
func Connect(ctx context.Context, o Options) (*Toolchain, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	trace := openTrace(ctx, os.Getenv)
	ctx, end := trace.start(ctx, "prepare the tools")
	t, err := open(ctx, o, trace)
	end(err)
	if err != nil {
		trace.close()
		return nil, err
	}
	return t, nil
}

func open(ctx context.Context, o Options, trace *tracing) (*Toolchain, error) {
	b := builder{cache: o.Cache, log: o.Log, compiler: &memo[string]{}, own: &memo[string]{}}
	go func() { _, _ = b.version(ctx) }() // asked for again, when the engine answers
	e, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	t := &Toolchain{containers: containers{opts: o, engine: e, trace: trace, builder: b, built: map[string]bool{}, slots: make(chan struct{}, o.Jobs)}}
	t.kubeconform.containers = &t.containers
	if err := t.prepare(ctx); err != nil {
		return nil, errors.Join(err, t.end())
	}
	return t, nil
}

func (t *Toolchain) prepare(ctx context.Context) error {
	var err error
	if t.platform, err = t.engine.DefaultPlatform(ctx); err != nil {
		return t.engine.why(ctx, err)
	}
	if t.dir, err = os.MkdirTemp("", "kasou-dagger-"); err != nil {
		return fmt.Errorf("make a folder for what goes to the engine: %w", err)
	}
	t.builder.platform, t.builder.private = t.platform, t.dir
	for _, name := range append(toolNames(), batchTool) {
		if t.opts.Images[name] != "" {
			continue
		}
		if name == helm4Tool {
			t.built[name] = true // where it is asked for: few fleets need it
			continue
		}
		err := t.builder.prepare(ctx, name)
		// With images for all tools, no Go is needed: each call has a container.
		if err != nil && (name != batchTool || !t.opts.allImages()) {
			return err
		}
		t.built[name] = err == nil
	}
	// One worker keeps up with an engine that has seen all, and each has to compile
	// the schema.
	t.checker, err = embedded.NewChecker(embedded.Options{Workers: 1})
	return err
}

// Name is "dagger".
func (t *Toolchain) Name() string { return "dagger" }

// Close ends the session, once the calls that are still running have ended.
func (t *Toolchain) Close() error {
	t.running.Wait()
	t.trace.close()
	return t.end()
}

func (t *Toolchain) end() error {
	var err error
	if t.checker != nil {
		err = t.checker.Close()
	}
	return errors.Join(err, t.engine.close(), os.RemoveAll(t.dir))
}
