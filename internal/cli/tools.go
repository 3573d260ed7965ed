package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/dagger"
	"kasou/pipelines/toolchain/embedded"
)

// openTools returns the toolchain that --toolchain names. auto is dagger where a
// session or an engine is named by the environment, and falls back to embedded,
// saying so, where that cannot be used.
func (f *flags) openTools(ctx context.Context, where location, cache string) (toolchain.Toolchain, error) {
	want := f.toolchain.value
	if want == "auto" && !dagger.Available(f.env.Getenv) {
		want = "embedded"
	}
	if want == "embedded" {
		return embedded.New(embedded.Options{Workers: f.jobs})
	}
	tools, err := dagger.Connect(ctx, dagger.Options{Cache: cache, Jobs: f.jobs, Images: images(where)})
	if err == nil {
		return tools, nil
	}
	var engine *dagger.EngineError
	if f.toolchain.value != "auto" || !errors.As(err, &engine) {
		return nil, err
	}
	fmt.Fprintf(f.env.Stderr, "kasou: running embedded, because %v\n", err)
	return embedded.New(embedded.Options{Workers: f.jobs})
}

// images returns the images by which fleet.yaml replaces tools. What is wrong
// with the fleet, the pipeline itself will say.
func images(where location) map[string]string {
	f, _, err := fleet.Load(where.root, where.dir, fleet.SharedAlone())
	if err != nil {
		return nil
	}
	return f.Spec.Toolchain.Images()
}

// inProcess returns a helm in this process, started when it is first asked for:
// an engine keeps what containers are given, so values that must not show do
// not go there.
func (s *session) inProcess() (toolchain.Helm, error) {
	s.helm.Do(func() {
		s.helm.tools, s.helm.err = embedded.New(embedded.Options{Workers: s.jobs})
	})
	return s.helm.tools, s.helm.err
}

// ownHelm is the embedded toolchain beside another one; nil until it is asked
// for.
type ownHelm struct {
	sync.Once
	tools *embedded.Toolchain
	err   error
}
