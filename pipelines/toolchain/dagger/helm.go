package dagger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	sdk "dagger.io/dagger"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/dagger/batch"
	"kasou/pipelines/toolchain/embedded"
	"kasou/pipelines/toolchain/verdict"
)

const (
	// maxOutput is the most that one render may give, in bytes.
	maxOutput = 64 << 20
	// arrival is a file that lies in the output folder before helm runs: an export
	// without it did not arrive.
	arrival = ".kasou"
	// valuesFile lies in the folder that helm runs in.
	valuesFile = "values.yaml"

	// notStarted and killed are exit codes of package batch.
	notStarted, killed = 127, 137
)

// Template runs `helm template` for each release, in one container for many. What the
// chart does wrong is a *toolchain.ChartError; so is a render that takes more time or
// output than allowed. Memory is the engine's to bound. Whether the chart renders the same every
// time a worker on this machine sees meanwhile.
func (t *Toolchain) Template(ctx context.Context, releases ...toolchain.Release) []toolchain.Result[manifest.Files] {
	results := make([]toolchain.Result[manifest.Files], len(releases))
	by := helm{&t.containers, t.checker}
	for _, four := range []bool{false, true} {
		answerSome(releases, results, func(i int) bool { return (releases[i].Helm == toolchain.Helm4) == four },
			func(some []toolchain.Release) []toolchain.Result[manifest.Files] { return by.render(ctx, some) })
	}
	return results
}

// helm renders in containers.
type helm struct {
	*containers
	checker *embedded.Checker
}

// helmTool returns the name of the tool that renders the release.
func helmTool(r toolchain.Release) string {
	if r.Helm == toolchain.Helm4 {
		return helm4Tool
	}
	return "helm"
}

// render is Template for releases of one Helm.
func (t helm) render(ctx context.Context, releases []toolchain.Release) []toolchain.Result[manifest.Files] {
	rendering := callable[toolchain.Release, manifest.Files]{
		containers: t.containers, name: "helm template", shared: t.templates, alone: t.templateAlone,
		check: func(r toolchain.Release) error {
			if r.Chart.Digest == "" {
				return errors.New("the chart has no digest")
			}
			return nil
		},
		span: func(r toolchain.Release) string { return "helm template " + r.Name },
	}
	determinism := make([]func() error, len(releases))
	for i, r := range releases {
		determinism[i] = t.determinism(ctx, r)
	}
	results := rendering.each(ctx, releases)
	for i, r := range releases {
		switch err := results[i].Err; {
		case r.Chart.Digest == "":
		case err != nil:
			results[i] = toolchain.Result[manifest.Files]{Err: t.helmError(r, err)}
		default:
			results[i].Err = determinism[i]()
		}
	}
	return results
}

// determinism begins to see whether the release renders the same every time, and
// returns what waits for the answer.
func (t helm) determinism(ctx context.Context, r toolchain.Release) func() error {
	if !r.Determinism || r.Chart.Digest == "" {
		return func() error { return nil }
	}
	answer := make(chan error, 1)
	go func() { answer <- t.checker.Determinism(ctx, r) }()
	return func() error { return <-answer }
}

// templates renders all releases in one container. There helm need not compile the
// chart's schema for each of them, which for vcluster 0.36 takes it a third of its
// time: a release whose values are not known to agree with it has no answer here,
// and helm says why in a container of its own.
func (t helm) templates(ctx context.Context, releases []toolchain.Release) ([]*toolchain.Result[manifest.Files], error) {
	charts, commands := map[string]*sdk.File{}, make([]batch.Command, len(releases))
	conform := t.conform(ctx, releases)
	var more []string
	if conform != nil {
		more = []string{"--skip-schema-validation"}
	}
	for i, r := range releases {
		if at := chartAt(r); charts[at] == nil {
			chart, err := t.upload(ctx, "chart.tgz", r.Chart.Archive)
			if err != nil {
				return nil, err
			}
			charts[at] = chart
		}
		commands[i] = batch.Command{Args: append(templateArgs(r, "out"), more...), Files: map[string][]byte{valuesFile: r.Values}, Output: "out"}
	}
	results, err := t.batch(ctx, helmTool(releases[0]), commands, func(c *sdk.Container) *sdk.Container {
		for _, file := range slices.Sorted(maps.Keys(charts)) {
			c = c.WithMountedFile(file, charts[file])
		}
		return c
	})
	if err != nil {
		return nil, err
	}
	answers := make([]*toolchain.Result[manifest.Files], len(results))
	for i, r := range results {
		if conform == nil || conform[i]() {
			answers[i] = rendered(r)
		}
	}
	return answers, nil
}

// conform begins to hold the releases' values against their charts' schemas, and
// gives what waits for each. It is nil where helm does that: one from an image may be
// older than 3.16, which has the flag to pass by schemas.
func (t helm) conform(ctx context.Context, releases []toolchain.Release) []func() bool {
	if !t.built[helmTool(releases[0])] {
		return nil
	}
	verdicts := make([]func() bool, len(releases))
	for i, r := range releases {
		verdict := make(chan bool, 1)
		go func() { verdict <- t.checker.Conform(ctx, r) }()
		verdicts[i] = func() bool { return <-verdict }
	}
	return verdicts
}

// rendered reads what became of one of several renders. One that was killed, or
// never begun, has no answer: the fault may be another's.
func rendered(r *batch.Result) *toolchain.Result[manifest.Files] {
	switch {
	case r == nil || r.Exit == notStarted || r.Exit == killed:
		return nil
	case r.Late:
		return &toolchain.Result[manifest.Files]{Err: errTimeout}
	case r.TooMuch:
		return &toolchain.Result[manifest.Files]{Err: errTooMuch}
	case r.Odd != "":
		return &toolchain.Result[manifest.Files]{Err: oddFile(r.Odd)}
	case r.Exit != 0:
		return &toolchain.Result[manifest.Files]{Err: &exited{r.Exit, r.Stderr}}
	}
	return &toolchain.Result[manifest.Files]{Value: r.Files}
}

// templateAlone renders a release in a container of its own.
func (t helm) templateAlone(ctx context.Context, r toolchain.Release) (files manifest.Files, err error) {
	err = t.run(ctx, t.opts.Timeout, func(ctx context.Context) error {
		out, err := t.template(ctx, r)
		if err == nil {
			files, err = t.export(ctx, out)
		}
		return err
	})
	return files, err
}

// chartAt is where the container finds the chart. Helm's messages may name it,
// and must say the same whoever else is rendered there.
func chartAt(r toolchain.Release) string {
	digest := strings.TrimPrefix(r.Chart.Digest, "sha256:")
	return "/in/" + digest[:min(16, len(digest))] + ".tgz"
}

func templateArgs(r toolchain.Release, output string) []string {
	return []string{"template", r.Name, chartAt(r), "--namespace", r.Namespace,
		"--include-crds", "--skip-tests", "--kube-version", r.KubeVersion, "-f", valuesFile, "--output-dir", output}
}

// template returns the folder that helm writes.
func (t helm) template(ctx context.Context, r toolchain.Release) (*sdk.Directory, error) {
	helm, err := t.base(ctx, helmTool(r))
	if err != nil {
		return nil, err
	}
	chart, err := t.upload(ctx, "chart.tgz", r.Chart.Archive)
	if err != nil {
		return nil, err
	}
	values, err := t.upload(ctx, filepath.Base(r.Name)+".values.yaml", r.Values)
	if err != nil {
		return nil, err
	}
	c := helm.
		WithMountedFile(chartAt(r), chart).
		WithMountedFile("/in/"+valuesFile, values).
		WithWorkdir("/in").
		WithMountedDirectory("/out", t.engine.Directory().WithNewFile(arrival, ""))
	c = helm.exec(c, sdk.ContainerWithExecOpts{}, templateArgs(r, "/out")...)
	return c.Directory("/out"), nil
}

// export brings a folder back in one go: one query for each file would take
// twice as long for six files.
func (t helm) export(ctx context.Context, from *sdk.Directory) (manifest.Files, error) {
	dir, err := t.folder()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := from.Export(ctx, dir); err != nil {
		return nil, err
	}
	files, err := batch.ReadFiles(dir, maxOutput)
	var odd batch.OddFile
	switch {
	case errors.As(err, &odd):
		err = oddFile(string(odd))
	case errors.Is(err, batch.ErrTooMuch):
		err = errTooMuch
	}
	if err != nil {
		return nil, fmt.Errorf("read what helm wrote: %w", err)
	}
	if _, arrived := files[arrival]; !arrived {
		return nil, errElsewhere
	}
	delete(files, arrival)
	return files, nil
}

var errTooMuch = &toolchain.ChartError{Message: fmt.Sprintf("the chart renders more than %d bytes", maxOutput)}

func oddFile(name string) error {
	return &toolchain.ChartError{Message: fmt.Sprintf("the chart renders %s, which is not a plain file", name)}
}

// helmError tells the chart's faults from others.
func (t helm) helmError(r toolchain.Release, err error) error {
	if errors.Is(err, errTimeout) {
		return &toolchain.ChartError{Message: fmt.Sprintf("the chart's templates did not end within %s: they loop, or make far too much", t.opts.Timeout)}
	}
	e := failed(err)
	if e == nil {
		return err
	}
	if said := verdict.HelmStderr(r.Chart.Name, e.stderr); said != nil {
		if refusesArguments(said.Message) {
			return errors.New("helm: " + said.Message)
		}
		return said
	}
	return verdict.Died(e.stderr, 0, fmt.Sprintf("exit code %d", e.code))
}

// refusesArguments reports whether helm speaks of how it was called.
func refusesArguments(message string) bool {
	return strings.HasPrefix(message, "invalid kube version") || strings.HasPrefix(message, "release name ")
}
