package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kasou/docs"
	"kasou/pipelines"
	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/layout"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain"
)

// flags are those that all commands share.
type flags struct {
	env Env
	// github is nil for every command but ci, and outside of GitHub's Actions.
	github    *report.GitHub
	clusters  string
	toolchain choice
	output    report.Format
	// outputFile takes the report instead of stdout, which gets it as text.
	outputFile string
	jobs       int
	// hostContext is the kubeconfig context of the host cluster.
	hostContext string
	// hostQPS bounds the requests to it for each second.
	hostQPS float32
	verbose bool
	// diff is how differences are shown.
	diff choice
}

const defaultClusters = "clusters"

func addCommonFlags(root *cobra.Command, env Env) *flags {
	f := &flags{
		env:       env,
		output:    "text",
		toolchain: choice{value: "auto", allowed: []string{"auto", "embedded", "dagger"}},
		diff:      choice{value: "meaning", allowed: []string{"meaning", "full"}},
	}
	p := root.PersistentFlags()
	p.StringVar(&f.clusters, "clusters", defaultClusters, "folder with fleet.yaml and one folder for each cluster")
	p.Var(&f.toolchain, "toolchain", "who runs helm, kubeseal and kubeconform: "+strings.Join(f.toolchain.allowed, ", "))
	p.Var(&f.output, "output", "how to print results: "+strings.Join(report.Formats(), ", "))
	p.StringVar(&f.outputFile, "output-file", "", "write the results to this file, and print them as text")
	p.Var(&f.diff, "diff", "how to show differences: meaning, or full for every byte but what is sealed")
	p.BoolVarP(&f.verbose, "verbose", "v", false, "show all: notes that ask for nothing, and each cluster by itself")
	p.IntVar(&f.jobs, "jobs", runtime.GOMAXPROCS(0), "how many clusters to work on at once")
	p.StringVar(&f.hostContext, "host-context", "", "kubeconfig context of the fleet's single host; default: that of fleet.yaml, or the current one")
	p.Float32Var(&f.hostQPS, "host-qps", host.DefaultQPS, "how many requests a second the host cluster gets at most")
	offer(root, "toolchain", f.toolchain.allowed...)
	offer(root, "output", report.Formats()...)
	offer(root, "diff", f.diff.allowed...)
	return f
}

// choice is a flag with a fixed set of values.
type choice struct {
	value   string
	allowed []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return "name" }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("unknown choice %q: one of %s", s, strings.Join(c.allowed, ", "))
	}
	c.value = s
	return nil
}

func (f *flags) locate(c *cobra.Command) (location, error) {
	isDefault := !c.Flags().Changed("clusters")
	return locate(f.env.Dir, f.clusters, isDefault)
}

// open gathers what a pipeline needs. The caller closes it.
func (f *flags) open(c *cobra.Command, names []string) (*session, error) {
	where, err := f.locate(c)
	if err != nil {
		return nil, err
	}
	return f.openAt(c, where, names)
}

// openNew is open where there may be no clusters folder yet.
func (f *flags) openNew(c *cobra.Command) (*session, error) {
	where, err := locateNew(f.env.Dir, f.clusters, !c.Flags().Changed("clusters"))
	if err != nil {
		return nil, err
	}
	return f.openAt(c, where, nil)
}

// openAt is open for a place that was found before.
func (f *flags) openAt(c *cobra.Command, where location, names []string) (*session, error) {
	if f.jobs < 1 {
		return nil, usagef("--jobs %d: at least 1", f.jobs)
	}
	if f.hostQPS <= 0 {
		return nil, usagef("--host-qps %v: more than 0", f.hostQPS)
	}
	cache := chart.CacheDir()
	if cache == "" {
		return nil, usagef("no place for the cache: set KASOU_CACHE to a folder")
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, usagef("the cache cannot be made (%w): set KASOU_CACHE to a folder that can be written", err)
	}
	tools, err := f.openTools(c.Context(), where, cache)
	if err != nil {
		return nil, err
	}
	s := &session{
		flags:    f,
		location: where,
		tools:    tools,
		options: pipelines.Options{
			Root: where.root, Dir: where.dir, Names: names, Jobs: f.jobs,
			Cache: cache, Toolchain: tools, Charts: chart.NewStore(where.root, chart.WithCache(cache)),
			OpenHost: func(context string) (*host.Host, error) {
				return host.Open(host.Options{Context: context, QPS: f.hostQPS})
			},
			HostContext: f.hostContext,
			SealKey:     f.env.Getenv(seal.KeyEnv),
			Getenv:      f.env.Getenv,
			FullDiff:    f.diff.value == "full",
		},
	}
	if tools.Name() != "embedded" {
		s.options.InProcess = s.inProcess
	}
	return s, nil
}

// session is one command at work on one fleet.
type session struct {
	*flags
	location
	tools   toolchain.Toolchain
	options pipelines.Options
	helm    ownHelm
}

func (s *session) close() {
	_ = s.tools.Close()
	if s.helm.tools != nil {
		_ = s.helm.tools.Close()
	}
}

// print writes the report to stdout, and to --output-file, and turns it into the
// command's error.
func (s *session) print(r *report.Report) error {
	options := report.Options{
		Format:  s.output,
		Color:   colors(s.env, s.env.Stdout),
		Source:  s.source,
		Version: version(),
		Verbose: s.verbose,
		Alone:   s.options.FullDiff,
		Explain: docs.Rule,
	}
	if s.github != nil && s.output == "github" {
		options.Format = "text" // the runner gets the annotations in any format
	}
	err := s.writeFile(r, &options)
	if err == nil {
		err = report.Write(s.env.Stdout, r, options)
	}
	if err := s.github.Report(r, options); err != nil {
		fmt.Fprintf(s.env.Stderr, "kasou: not everything is shown: %v\n", err)
	}
	switch {
	case err != nil:
		return fmt.Errorf("writing the report: %w", err)
	case r.Failed():
		return errFindings
	case len(r.Unfinished) > 0:
		return fmt.Errorf("%s could not be finished", finding.Plural(len(r.Unfinished), "part"))
	}
	return nil
}

// writeFile writes the report to --output-file, if there is one. What is left to
// print is text then.
func (s *session) writeFile(r *report.Report, options *report.Options) error {
	if s.outputFile == "" {
		return nil
	}
	inFile := *options
	inFile.Color, inFile.Format = false, s.output
	var b bytes.Buffer
	if err := report.Write(&b, r, inFile); err != nil {
		return err
	}
	options.Format = "text"
	return s.toFile(b.Bytes())
}

// toFile writes to --output-file.
func (f *flags) toFile(data []byte) error {
	return os.WriteFile(f.env.path(f.outputFile), data, 0o644)
}

// document prints what a command is asked for: the text as it is, or the report as JSON.
// Other formats are of findings, and make no sense here.
func (f *flags) document(c *cobra.Command, r *report.Report, text []byte) error {
	shown := text
	switch f.output {
	case "text":
	case "json":
		var b bytes.Buffer
		if err := report.Write(&b, r, report.Options{Format: f.output}); err != nil {
			return err
		}
		shown = b.Bytes()
	default:
		return usagef("%s prints text or json", c.CommandPath())
	}
	if f.outputFile != "" {
		if err := f.toFile(shown); err != nil {
			return err
		}
		shown = text
	}
	_, err := f.env.Stdout.Write(shown)
	return err
}

// source returns a file of the repo for the line that a finding points at.
func (s *session) source(path string) ([]byte, error) { return readBelow(s.root, path) }

// readBelow returns a file below a folder. It follows no link out of that.
func readBelow(dir, path string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(filepath.FromSlash(path))
}

// completeClusters offers the names of the clusters in the folder.
func (f *flags) completeClusters(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	where, err := f.locate(c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return without(clusterFolders(where), args), cobra.ShellCompDirectiveNoFileComp
}

// clusterFolders returns the names of the folders with a spec.yaml: completion
// must work while the fleet is being edited.
func clusterFolders(where location) []string {
	dir := filepath.Join(where.root, filepath.FromSlash(where.dir))
	specs, _ := filepath.Glob(filepath.Join(dir, "*", layout.Spec)) // the pattern is good
	names := make([]string, len(specs))
	for i, spec := range specs {
		names[i] = filepath.Base(filepath.Dir(spec))
	}
	return names
}

func without(names, taken []string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(taken, n) })
}

// with returns the pipeline that runs another with what that takes beside the options.
func with[T any](pipeline func(context.Context, pipelines.Options, T) (*report.Report, error), more T) pipelines.Pipeline {
	return func(ctx context.Context, o pipelines.Options) (*report.Report, error) { return pipeline(ctx, o, more) }
}

// work opens the clusters of names, readies the pipeline and runs it.
func (f *flags) work(c *cobra.Command, names []string, verb string, ready func(*session) (pipelines.Pipeline, error)) error {
	s, err := f.open(c, names)
	if err != nil {
		return err
	}
	defer s.close()
	pipeline, err := ready(s)
	if err != nil {
		return err
	}
	return s.run(c, verb, pipeline)
}

// run runs a pipeline with its progress on stderr and prints its report.
func (s *session) run(c *cobra.Command, verb string, pipeline pipelines.Pipeline) error {
	shown := newProgress(s.env, verb)
	s.options.Progress, s.options.Failed = shown.Step, shown.Failed
	r, err := pipeline(c.Context(), s.options)
	shown.Done()
	if err != nil {
		return asUsage(err)
	}
	return s.print(r)
}

// complain prints findings to stderr, for commands whose stdout is a document.
func (s *session) complain(findings finding.List) error {
	r := &report.Report{Command: "values", Findings: findings}
	err := report.Write(s.env.Stderr, r, report.Options{Format: "text", Color: colors(s.env, s.env.Stderr), Source: s.source, Verbose: s.verbose})
	if err == nil && r.Failed() {
		err = errFindings
	}
	return err
}

// asUsage makes a mistake of the caller's into a usage error.
func asUsage(err error) error {
	var unknown *pipelines.UnknownClusterError
	var setting *pipelines.SettingError
	var ring *pipelines.UnknownRingError
	var join *pipelines.JoinError
	var spec *fleet.NewSpecError
	switch {
	case errors.As(err, &ring) && len(ring.Known) == 0:
		return usagef("there is no ring %q: spec.rings of fleet.yaml has none", ring.Name)
	case errors.As(err, &ring):
		return usagef("there is no ring %q; there are %s", ring.Name, quoted(ring.Known))
	case errors.As(err, &unknown):
		return usagef("there is no cluster %q%s; there are %s", unknown.Name, meant(path.Base(filepath.ToSlash(unknown.Name)), unknown.Known), quotedFew(unknown.Known))
	case errors.As(err, &setting), errors.As(err, &join), errors.As(err, &spec):
		return usageError{err}
	}
	return err
}
