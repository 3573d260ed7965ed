package dagger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	sdk "dagger.io/dagger"
)

// containers are those of a session with an engine.
type containers struct {
	opts     Options
	engine   *engine
	trace    *tracing
	platform sdk.Platform
	builder  builder
	// built are the tools that are not from an image, and the program that starts
	// one several times.
	built map[string]bool
	// dir holds what goes up to the engine and what comes back, until the end.
	dir   string
	slots chan struct{}
	// running are the calls that have not ended.
	running sync.WaitGroup

	bases memo[*base]
	files memo[*sdk.File]
}

// environment is all that a tool finds in its environment. Nothing listens at
// the proxy: a container cannot be started without a network, and no tool is to
// use one.
var environment = [][2]string{
	{"HOME", "/home"}, {"TZ", "UTC"}, {"LC_ALL", "C"},
	{"HTTP_PROXY", "http://127.0.0.1:9"}, {"HTTPS_PROXY", "http://127.0.0.1:9"},
}

// errElsewhere is an export that did not arrive.
var errElsewhere = errors.New("the engine exported to another machine than this: run kasou where the Dagger session runs")

// errTimeout is the cause of a context whose container took too long.
var errTimeout = errors.New("the container did not end in time")

// base is a container with a tool in it and no inputs yet.
type base struct {
	*sdk.Container
	// command starts the tool.
	command []string
	// entrypoint says that the image's own entrypoint goes before the command.
	entrypoint bool
	// start starts the tool where another program does it.
	start []string
}

// exec adds a run of the tool.
func (b *base) exec(c *sdk.Container, opts sdk.ContainerWithExecOpts, args ...string) *sdk.Container {
	opts.UseEntrypoint, opts.NoInit = b.entrypoint, !b.entrypoint
	return c.WithExec(append(append([]string{}, b.command...), args...), opts)
}

// base returns a tool's container, which is made once.
func (t *containers) base(ctx context.Context, name string) (*base, error) {
	return t.bases.get(name, func() (*base, error) {
		if image := t.opts.Images[name]; image != "" {
			b, err := inImage(ctx, name, t.container().From(image))
			if err != nil {
				return nil, fmt.Errorf("the image of toolchain.%s.image: %w", name, t.engine.why(ctx, err))
			}
			return b, nil
		}
		file, err := t.binary(ctx, name)
		if err != nil {
			return nil, err
		}
		// Synced, for each use of it would take the engine through all its parts.
		c, err := withEnvironment(t.container().WithMountedFile("/bin/"+name, file)).WithEnvVariable("PATH", "/bin").Sync(ctx)
		if err != nil {
			return nil, fmt.Errorf("a container for %s: %w", name, t.engine.why(ctx, err))
		}
		return &base{Container: c, command: []string{name}, start: []string{"/bin/" + name}}, nil
	})
}

// binary brings a program that was built to the engine, once.
func (t *containers) binary(ctx context.Context, name string) (*sdk.File, error) {
	return t.files.get(name, func() (*sdk.File, error) {
		binary, err := t.builder.build(ctx, name)
		if err != nil {
			return nil, err
		}
		file, err := t.engine.Host().File(binary).Sync(ctx)
		if err != nil {
			return nil, fmt.Errorf("bring %s to the engine: %w", name, t.engine.why(ctx, err))
		}
		return file, nil
	})
}

func (t *containers) container() *sdk.Container {
	return t.engine.Container(sdk.ContainerOpts{Platform: t.platform})
}

// inImage starts the tool by the image's entrypoint, or else by its name, as root:
// the image's own user could not write below /out.
func inImage(ctx context.Context, name string, image *sdk.Container) (*base, error) {
	c, err := image.WithoutUser().WithoutWorkdir().Sync(ctx)
	if err != nil {
		return nil, err
	}
	entrypoint, err := c.Entrypoint(ctx)
	if err != nil {
		return nil, err
	}
	b := &base{Container: withEnvironment(c), entrypoint: len(entrypoint) > 0, start: entrypoint}
	if !b.entrypoint {
		b.command, b.start = []string{name}, []string{name}
	}
	return b, nil
}

func withEnvironment(c *sdk.Container) *sdk.Container {
	for _, v := range environment {
		c = c.WithEnvVariable(v[0], v[1])
	}
	return c
}

// run calls work when there is a free slot, with a context that ends in time. An
// error tells which of engine, command and context it is from.
func (t *containers) run(ctx context.Context, limit time.Duration, work func(context.Context) error) error {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	bounded, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	err := work(bounded)
	if err == nil {
		return nil
	}
	err = t.engine.why(ctx, err)
	var gone *EngineError
	if !errors.As(err, &gone) && ctx.Err() == nil && errors.Is(context.Cause(bounded), errTimeout) {
		return errTimeout
	}
	return err
}

// folder makes a new folder for one call. The caller removes it.
func (t *containers) folder() (string, error) {
	dir, err := os.MkdirTemp(t.dir, "call-")
	if err != nil {
		return "", fmt.Errorf("make a folder for what goes to the engine: %w", err)
	}
	return dir, nil
}

// upload brings content to the engine as a file, once. As an argument of a query
// it would stand in the trace, all of it, and would have to be text.
func (t *containers) upload(ctx context.Context, name string, content []byte) (*sdk.File, error) {
	digest := sha256.Sum256(content)
	name = hex.EncodeToString(digest[:]) + "." + name
	return t.files.get(name, func() (*sdk.File, error) {
		file := filepath.Join(t.dir, name)
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return nil, fmt.Errorf("write what goes to the engine: %w", err)
		}
		return t.engine.Host().File(file).Sync(ctx)
	})
}
