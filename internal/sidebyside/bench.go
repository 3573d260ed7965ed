package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// bench times one fleet.
type bench struct {
	settings
	tools    tools
	fleet    testFleet
	progress io.Writer
	schemas  []string
	times    map[string][]measure
}

// The contestants, in the order of the table.
const (
	loop         = "loop of helm, kubeconform, kubeseal"
	shell        = "helm in parallel, one kubeconform"
	cold         = "kasou build, cold"
	unchanged    = "kasou build, nothing changed"
	oneChanged   = "kasou build, one spec changed"
	check        = "kasou check"
	daggerCold   = "dagger: kasou build, cold"
	daggerCheck  = "dagger: kasou check, from the engine's cache"
	daggerCached = "dagger: kasou build, nothing changed"
)

// sampled says how many clusters the command-line tools get.
func (b *bench) sampled() int { return min(b.sample, b.fleet.size) }

func (b *bench) rounds() int {
	if b.fleet.size >= 10_000 {
		return 1
	}
	return b.runs
}

// run times all contestants in turn, so that what else the machine does hits
// all of them.
func (b *bench) run(ctx context.Context) error {
	var err error
	if b.schemas, err = b.fleet.schemaLocations(); err != nil {
		return err
	}
	for round := range b.rounds() {
		if err := b.fleet.clear(); err != nil {
			return err
		}
		for _, contestant := range []struct {
			name   string
			before func() error
			args   []string
		}{
			{cold, nil, []string{"build"}},
			{unchanged, nil, []string{"build"}},
			{oneChanged, func() error { return b.fleet.change(round) }, []string{"build"}},
			{check, nil, []string{"check"}},
		} {
			if contestant.before != nil {
				if err := contestant.before(); err != nil {
					return err
				}
			}
			m, err := timed(ctx, b.kasou(contestant.args...))
			if err := b.note(contestant.name, m, err); err != nil {
				return err
			}
		}
		for name, procedure := range map[string]func(context.Context, string) (measure, error){loop: b.loop, shell: b.shell} {
			m, err := b.scaled(ctx, procedure)
			if err := b.note(name, m, err); err != nil {
				return err
			}
		}
	}
	return b.dagger(ctx)
}

func (b *bench) note(name string, m measure, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.times[name] = append(b.times[name], m)
	fmt.Fprintf(b.progress, "  %-50s %10s, %s a cluster, %s of CPU, %d MiB\n",
		name, short(m.wall), short(m.wall/time.Duration(b.fleet.size)), short(m.cpu), m.peak>>20)
	return nil
}

func (b *bench) kasou(args ...string) command {
	return command{dir: b.fleet.root, env: []string{b.fleet.cache()},
		args: append([]string{b.tools.kasou, "--toolchain", "embedded", "--jobs", strconv.Itoa(b.jobs)}, args...)}
}

// scaled runs a procedure of the command-line tools on the sample, in a folder
// of its own. The values are those that kasou wrote: a person would have them.
func (b *bench) scaled(ctx context.Context, procedure func(context.Context, string) (measure, error)) (measure, error) {
	out, err := os.MkdirTemp("", "kasou-bench-out-")
	if err != nil {
		return measure{}, err
	}
	defer os.RemoveAll(out)
	m, err := procedure(ctx, out)
	return m.times(float64(b.fleet.size) / float64(b.sampled())), err
}

// parallel runs work for each cluster of the sample, and gives the wall time of
// all and the sum of the rest.
func (b *bench) parallel(ctx context.Context, work func(context.Context, int) (measure, error)) (measure, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.jobs)
	results := make([]measure, b.sampled())
	start := time.Now()
	for i := range results {
		group.Go(func() (err error) {
			results[i], err = work(ctx, i)
			return err
		})
	}
	err := group.Wait()
	total := measure{}
	for _, m := range results {
		total.cpu += m.cpu
		total.peak = max(total.peak, m.peak)
	}
	total.wall, total.peak = time.Since(start), total.peak*int64(b.jobs)
	return total, err
}

func (b *bench) template(ctx context.Context, i int, out string) (measure, error) {
	name := b.fleet.name(i)
	return timed(ctx, command{dir: b.fleet.root, args: []string{b.tools.helm, "template", name, b.fleet.chart,
		"--namespace", name, "--kube-version", kubernetesVersion, "--include-crds", "--skip-tests",
		"-f", filepath.Join("clusters", name, "values.yaml"), "--output-dir", out}})
}

func (b *bench) validate(ctx context.Context, dir string, jobs int) (measure, error) {
	args := append([]string{b.tools.kubeconform, "-strict", "-kubernetes-version", kubernetesVersion, "-n", strconv.Itoa(jobs)}, b.schemas...)
	return timed(ctx, command{args: append(args, dir)})
}

func (b *bench) seal(ctx context.Context, dir string) (measure, error) {
	total := measure{}
	files, err := secrets(dir)
	for _, file := range files {
		var m measure
		if err == nil {
			m, err = timed(ctx, command{args: []string{b.tools.kubeseal, "--cert", filepath.Join(b.fleet.root, "clusters", "sealed-secrets.crt"),
				"--secret-file", file, "--sealed-secret-file", file + ".sealed", "--format", "yaml"}})
		}
		total = total.plus(m)
	}
	return total, err
}

// loop is the procedure as it is: everything for one cluster, then the next,
// a job for each core.
func (b *bench) loop(ctx context.Context, out string) (measure, error) {
	return b.parallel(ctx, func(ctx context.Context, i int) (measure, error) {
		dir := filepath.Join(out, b.fleet.name(i))
		rendered, err := b.template(ctx, i, dir)
		if err != nil {
			return rendered, err
		}
		validated, err := b.validate(ctx, dir, 1)
		if err != nil {
			return validated, err
		}
		sealed, err := b.seal(ctx, dir)
		return rendered.plus(validated).plus(sealed), err
	})
}

// shell is what someone clever does: the tools start less often.
func (b *bench) shell(ctx context.Context, out string) (measure, error) {
	rendered, err := b.parallel(ctx, func(ctx context.Context, i int) (measure, error) {
		dir := filepath.Join(out, b.fleet.name(i))
		m, err := b.template(ctx, i, dir)
		if err != nil {
			return m, err
		}
		sealed, err := b.seal(ctx, dir)
		return m.plus(sealed), err
	})
	if err != nil {
		return rendered, err
	}
	// Not what kubeseal wrote: the sealed ones would be validated twice.
	validated, err := b.validate(ctx, out, b.jobs)
	return rendered.plus(validated), err
}

// dagger times the containers, where an engine and the dagger command are there.
func (b *bench) dagger(ctx context.Context) error {
	engine, err := exec.LookPath("dagger")
	if err != nil || os.Getenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST") == "" {
		fmt.Fprintln(b.progress, "  SKIPPED: the dagger toolchain; it wants a dagger command, and _EXPERIMENTAL_DAGGER_RUNNER_HOST")
		return nil
	}
	if b.fleet.size > b.daggerUpTo {
		return nil
	}
	for range b.rounds() {
		if err := b.fleet.clear(); err != nil {
			return err
		}
		for i, name := range []string{daggerCold, daggerCheck, daggerCached} {
			args := []string{engine, "run", "--progress", "plain", b.tools.kasou, "--toolchain", "dagger", "--jobs", strconv.Itoa(b.jobs), "build"}
			if i == 1 {
				args[len(args)-1] = "check"
			}
			m, err := timed(ctx, command{dir: b.fleet.root, env: []string{b.fleet.cache()}, args: args})
			if err := b.note(name, m, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// startUp times a kasou that does nothing.
func startUp(ctx context.Context, t tools) (string, error) {
	var all []measure
	for range 11 {
		m, err := timed(ctx, command{args: []string{t.kasou, "version"}})
		if err != nil {
			return "", err
		}
		all = append(all, m)
	}
	return fmt.Sprintf("%s (%s)", short(median(all).wall), spread(all)), nil
}
