package dagger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	sdk "dagger.io/dagger"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
	"kasou/pipelines/tree"
)

const (
	// maxOutput is the most that one render may give, in bytes.
	maxOutput = 64 << 20
	// arrival is a file that lies in the output folder before helm runs: an export
	// without it did not arrive.
	arrival = ".kasou"
	// againEnv makes a container another one than the same without it.
	againEnv = "KASOU_RENDER_AGAIN"
)

// Template runs `helm template` in a container. What the chart does wrong is a
// *toolchain.ChartError; so is a render that takes more time or output than
// allowed. Memory is the engine's to bound.
func (t *Toolchain) Template(ctx context.Context, r toolchain.Release) (tree.Files, error) {
	if r.Chart.Digest == "" {
		return nil, errors.New("the chart has no digest")
	}
	var files tree.Files
	name := named(ctx, "helm template", r.Name)
	if r.Again > 0 {
		name += " again"
	}
	err := t.run(ctx, name, func(ctx context.Context) error {
		out, err := t.template(ctx, r)
		if err == nil {
			files, err = t.export(ctx, out)
		}
		return err
	})
	if err != nil {
		return nil, t.helmError(r, err)
	}
	return files, nil
}

// template gives the folder that helm writes.
func (t *Toolchain) template(ctx context.Context, r toolchain.Release) (*sdk.Directory, error) {
	helm, err := t.base(ctx, "helm")
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
		WithMountedFile("/in/chart.tgz", chart).
		WithMountedFile("/in/values.yaml", values).
		WithMountedDirectory("/out", t.engine.Directory().WithNewFile(arrival, ""))
	if r.Again > 0 {
		c = c.WithEnvVariable(againEnv, strconv.Itoa(r.Again))
	}
	c = helm.exec(c, sdk.ContainerWithExecOpts{}, "template", r.Name, "/in/chart.tgz", "--namespace", r.Namespace,
		"--include-crds", "--skip-tests", "--kube-version", r.KubeVersion, "-f", "/in/values.yaml", "--output-dir", "/out")
	return c.Directory("/out"), nil
}

// export brings a folder back in one go: one query for each file would take
// twice as long for six files.
func (t *Toolchain) export(ctx context.Context, from *sdk.Directory) (tree.Files, error) {
	dir, err := t.folder()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := from.Export(ctx, dir); err != nil {
		return nil, err
	}
	files, err := readFiles(dir)
	if err != nil {
		return nil, err
	}
	if _, arrived := files[arrival]; !arrived {
		return nil, errors.New("the engine exported to another machine than this: run kasou where the Dagger session runs")
	}
	delete(files, arrival)
	return files, nil
}

// readFiles gives the plain files below dir.
func readFiles(dir string) (tree.Files, error) {
	files, total := tree.Files{}, int64(0)
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return &toolchain.ChartError{Message: fmt.Sprintf("the chart renders %s, which is no plain file", name)}
		}
		if total += info.Size(); total > maxOutput {
			return &toolchain.ChartError{Message: fmt.Sprintf("the chart renders more than %d bytes", maxOutput)}
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(file)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what helm wrote: %w", err)
	}
	return files, nil
}

// helmError tells the chart's faults from others.
func (t *Toolchain) helmError(r toolchain.Release, err error) error {
	if errors.Is(err, errTimeout) {
		return &toolchain.ChartError{Message: fmt.Sprintf("the chart's templates did not end within %s: they loop, or make far too much", t.opts.Timeout)}
	}
	e := failed(err)
	if e == nil {
		return err
	}
	if said := verdict.HelmStderr(r.Chart.Name, e.Stderr); said != nil {
		if refusesArguments(said.Message) {
			return errors.New("helm: " + said.Message)
		}
		return said
	}
	if died := verdict.Died(e.Stderr); died != nil {
		return died
	}
	return &toolchain.ChartError{Message: fmt.Sprintf("the process that rendered the chart died with exit code %d", e.ExitCode)}
}

// refusesArguments says whether helm speaks of how it was called.
func refusesArguments(message string) bool {
	return strings.HasPrefix(message, "invalid kube version") || strings.HasPrefix(message, "release name ")
}
