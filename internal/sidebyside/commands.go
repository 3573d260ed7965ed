package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// commands are the tools at work on a sample of a fleet that kasou has built:
// its values.yaml are their input. A Go program starts them, which costs less
// than a shell.
type commands struct {
	repo
	tools   tools
	jobs    int
	schemas []string
	// clusters are the sample, as places in the fleet.
	clusters []int
	// out gets a folder for each cluster.
	out string

	mu    sync.Mutex
	steps steps
}

// steps are how long each tool ran, and the processor time of all.
type steps struct{ helm, kubeseal, kubeconform, cpu time.Duration }

// commands times the command-line tools, and holds what they made against what
// kasou did.
func (b *bench) commands(ctx context.Context, r *result, of repo) error {
	schemas, err := of.schemaLocations(filepath.Join(b.dir, "schemas"))
	if err != nil {
		return err
	}
	for i, c := range []contestant{loop, shell} {
		out := fmt.Sprintf("%s.%d", of.root, i)
		tools := &commands{repo: of, tools: b.tools, jobs: b.jobs, schemas: schemas, clusters: spread(of.size, r.sampled), out: out}
		m, err := tools.contest(ctx, c)
		if err == nil {
			err = tools.same()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		if c == loop {
			r.steps = append(r.steps, tools.steps.each(r.sampled))
		}
		b.note(r, c, m)
	}
	return nil
}

// spread returns n places evenly over a fleet.
func spread(size, n int) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = i * size / n
	}
	return places
}

// contest returns what the whole fleet would take.
func (c *commands) contest(ctx context.Context, name contestant) (measure, error) {
	if name == loop {
		m, err := c.phase(func() error { return c.each(ctx, c.whole) })
		return m.times(float64(c.size) / float64(len(c.clusters))), err
	}
	return c.clever(ctx)
}

// clever starts kubeconform once. What it takes to start counts once for the
// fleet, the rest for each cluster.
func (c *commands) clever(ctx context.Context) (measure, error) {
	made, err := c.phase(func() error { return c.each(ctx, c.make) })
	if err != nil {
		return measure{}, err
	}
	one, err := c.phase(func() error { return c.validate(ctx, c.folder(c.clusters[0]), c.jobs) })
	if err != nil {
		return measure{}, err
	}
	all, err := c.phase(func() error { return c.validate(ctx, c.out, c.jobs) })
	if err != nil {
		return measure{}, err
	}
	return scaleShell(made, one, all, len(c.clusters), c.size), nil
}

// phase measures a part of the work, with all tools that it starts.
func (c *commands) phase(work func() error) (measure, error) {
	return timed(func() (time.Duration, error) {
		before := c.steps.cpu
		err := work()
		return c.steps.cpu - before, err
	})
}

// folder is where the cluster's manifests go.
func (c *commands) folder(i int) string { return filepath.Join(c.out, c.name(i)) }

// each works on the clusters of the sample, a job for each core.
func (c *commands) each(ctx context.Context, work func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.jobs)
	for _, i := range c.clusters {
		group.Go(func() error { return work(ctx, i) })
	}
	return group.Wait()
}

// whole is all that the loop does for a cluster.
func (c *commands) whole(ctx context.Context, i int) error {
	if err := c.make(ctx, i); err != nil {
		return err
	}
	return c.validate(ctx, c.folder(i), 1)
}

// make renders a cluster and seals its Secrets.
func (c *commands) make(ctx context.Context, i int) error {
	name := c.name(i)
	err := c.step(ctx, &c.steps.helm, c.tools.helm, "template", name, filepath.Join(c.root, c.chart), "--namespace", name,
		"--include-crds", "--skip-tests", "--kube-version", kubernetesVersion,
		"-f", filepath.Join(c.repo.folder(i), "values.yaml"), "--output-dir", c.folder(i))
	if err != nil {
		return err
	}
	secrets, err := secretsBelow(c.folder(i))
	for _, file := range secrets {
		if err == nil {
			err = c.seal(ctx, file)
		}
	}
	return err
}

// seal puts a SealedSecret in the place of a Secret.
func (c *commands) seal(ctx context.Context, file string) error {
	err := c.step(ctx, &c.steps.kubeseal, c.tools.kubeseal, "--cert", filepath.Join(c.root, "clusters", "sealed-secrets.crt"),
		"--format", "yaml", "--secret-file", file, "--sealed-secret-file", file+".sealed")
	if err != nil {
		return err
	}
	return os.Rename(file+".sealed", file)
}

func (c *commands) validate(ctx context.Context, dir string, jobs int) error {
	args := append([]string{c.tools.kubeconform, "-strict", "-kubernetes-version", kubernetesVersion, "-n", strconv.Itoa(jobs)}, c.schemas...)
	return c.step(ctx, &c.steps.kubeconform, append(args, dir)...)
}

// step runs one tool and adds what it took.
func (c *commands) step(ctx context.Context, total *time.Duration, args ...string) error {
	start := time.Now()
	cpu, err := command{args: args}.run(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	*total += time.Since(start)
	c.steps.cpu += cpu
	return err
}

// secretsBelow returns the files below dir that hold a Secret.
func secretsBelow(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		if bytes.Contains(data, []byte("\nkind: Secret\n")) {
			found = append(found, file)
		}
		return err
	})
	return found, err
}

// same fails where the tools made something else than kasou, but for
// ciphertext: then what was timed was not the same work.
func (c *commands) same() error {
	for _, i := range c.clusters {
		ours := filepath.Join(c.repo.folder(i), "manifests")
		files := 0
		err := filepath.WalkDir(c.folder(i), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			files++
			name, err := filepath.Rel(c.folder(i), file)
			if err != nil {
				return err
			}
			return sameFile(file, filepath.Join(ours, name))
		})
		if err != nil {
			return fmt.Errorf("cluster %s: %w", c.name(i), err)
		}
		if files == 0 {
			return fmt.Errorf("cluster %s: helm made nothing", c.name(i))
		}
	}
	return nil
}

func sameFile(a, b string) error {
	first, err := os.ReadFile(a)
	if err != nil {
		return err
	}
	second, err := os.ReadFile(b)
	if err != nil {
		return err
	}
	sealed := []byte("kind: SealedSecret\n")
	if bytes.Equal(first, second) || bytes.Contains(first, sealed) && bytes.Contains(second, sealed) {
		return nil
	}
	return errors.New("kasou and helm differ in " + filepath.Base(a))
}
