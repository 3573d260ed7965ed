package pipelines

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/handmade"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/scaffold"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
	"kasou/pipelines/workspace"
)

// RuleImportKnown: a cluster of the tree has a spec.yaml already.
const RuleImportKnown finding.Rule = "import-known"

// Import says which tree is to become specs.
type Import struct {
	// From is the folder with the tree, and ChartArchives one with archives NAME-VERSION.tgz, or
	// charts NAME, that are taken in place of the chart's repository: slash-separated, from the repo's root.
	// ChartArchives may be empty.
	From, ChartArchives string
	// Host is the host of the fleet that the clusters are on; empty for that of the fleet's
	// defaults.
	Host string
}

// ImportTree writes a spec.yaml for each virtual cluster in a tree that was made by
// hand, unless DryRun is set, and reports what the build will write otherwise than it
// stands there. It removes nothing: the report's steps say what a person has to. What is
// not in the tree, such as a chart, is fetched, and a cluster whose chart cannot be had
// is left unfinished. A Host that the fleet does not have is a *fleet.NewSpecError.
func ImportTree(ctx context.Context, o Options, i Import) (*report.Report, error) {
	out := &report.Report{Command: "import", DryRun: o.DryRun}
	// A folder of the tree is not a cluster's yet.
	f, found, err := fleet.Load(o.Root, o.Dir, fleet.SharedAlone())
	if out.Findings = found; err != nil || found.Failed() {
		return workspace.Sorted(out), err
	}
	if err := f.CheckNew(fleet.NewOptions{Host: i.Host}); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	clusters, found, err := handmade.Find(root.FS(), i.From)
	if err != nil {
		return nil, err
	}
	out.Findings = append(out.Findings, found...)
	im := &importing{Options: o, Import: i, fleet: f, root: root, out: out}
	for _, c := range clusters {
		if err := im.one(ctx, c); err != nil {
			return nil, err
		}
	}
	im.steps()
	return workspace.Sorted(out), ctx.Err()
}

// importing is ImportTree at work.
type importing struct {
	Options
	Import
	fleet *fleet.Fleet
	root  *os.Root
	out   *report.Report
	// old are the files that the build writes anew, or that nobody needs any more.
	old, names []string
}

// one imports one cluster.
func (im *importing) one(ctx context.Context, c handmade.Cluster) error {
	file := layout.Of(im.Dir, c.Name).Spec()
	if _, err := im.root.Lstat(filepath.FromSlash(file)); err == nil {
		im.out.Findings = append(im.out.Findings, finding.Finding{File: file, Cluster: c.Name, Severity: finding.Note, Rule: RuleImportKnown,
			Message: "the cluster has a spec.yaml, which is left as it is", Hint: "Delete it first to have it imported anew."})
		return nil
	}
	spec := c.Spec(im.fleet, im.Host, im.chart(c))
	t, err := im.trial(ctx, c, &spec)
	if err != nil {
		workspace.Unfinished(im.out, c.Name, err)
		im.out.Clusters = append(im.out.Clusters, report.Cluster{Name: c.Name, Status: report.Failed})
		return ctx.Err()
	}
	im.out.Findings = append(im.out.Findings, t.findings...)
	if t.findings.Failed() {
		im.out.Clusters = append(im.out.Clusters, report.Cluster{Name: c.Name, Status: report.Failed})
		return nil
	}
	im.out.Findings = append(im.out.Findings, c.Differences(im.Dir, t.documents)...)
	if !im.DryRun {
		if err := disk.Create(im.Root, file, t.spec); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	im.out.Clusters = append(im.out.Clusters, report.Cluster{Name: c.Name, Status: report.Changed,
		Changes: []report.Change{{Path: file, Kind: "create", Cause: "new"}}})
	im.old, im.names = append(im.old, c.Files()...), append(im.names, c.Name)
	return nil
}

// chart returns where the cluster's chart comes from.
func (im *importing) chart(c handmade.Cluster) fleet.Chart {
	if local := im.local(c); local != (fleet.Chart{}) {
		return local
	}
	repository := scaffold.Chart.Repository
	if d := im.fleet.Spec.Defaults; d != nil && d.Chart != nil {
		repository = cmp.Or(d.Chart.Repository, repository)
	}
	return fleet.Chart{Repository: repository, Name: c.Chart, Version: c.Version}
}

// local returns the chart in the folder of archives: NAME-VERSION.tgz, or the folder
// NAME where its Chart.yaml has that version; the zero value where there is none.
func (im *importing) local(c handmade.Cluster) fleet.Chart {
	if im.ChartArchives == "" {
		return fleet.Chart{}
	}
	file := path.Join(im.ChartArchives, c.Chart+"-"+c.Version+".tgz")
	if _, err := im.root.Stat(filepath.FromSlash(file)); err == nil {
		return fleet.Chart{Path: file}
	}
	folder := path.Join(im.ChartArchives, c.Chart)
	data, err := im.root.ReadFile(filepath.FromSlash(folder + "/Chart.yaml"))
	var about struct{ Name, Version string }
	if err != nil || yaml.Unmarshal(data, &about) != nil || about.Name != c.Chart || about.Version != c.Version {
		return fleet.Chart{}
	}
	return fleet.Chart{Path: folder}
}

// trial is a cluster built in a folder of its own.
type trial struct {
	spec      []byte
	documents []manifest.Document
	findings  finding.List
}

// trial builds the cluster beside the repository, with the values that the chart and the
// spec do not give already, and completes the spec by them.
func (im *importing) trial(ctx context.Context, c handmade.Cluster, spec *fleet.ClusterSpec) (trial, error) {
	var t trial
	dir, err := os.MkdirTemp("", "kasou-import-*")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return t, err
	}
	if err := im.copyShared(dir, spec.Chart); err != nil {
		return t, err
	}
	o := im.Options
	o.Root, o.Charts, o.NoCache, o.DryRun, o.Diff = dir, chart.NewStore(dir, chart.WithCache(o.Cache)), true, false, false
	o.Names, o.Shard, o.Progress = []string{c.Name}, Shard{}, nil
	if t.spec, err = writeSpec(o, c, *spec); err != nil {
		return t, err
	}
	if c.Values != nil {
		if t.findings, err = im.values(ctx, o, c, spec); err != nil || t.findings.Failed() {
			return t, err
		}
		if t.spec, err = writeSpec(o, c, *spec); err != nil {
			return t, err
		}
	}
	built, err := Build(ctx, o)
	if err != nil {
		return t, err
	}
	for _, u := range built.Unfinished {
		err = errors.Join(err, errors.New(u.Message))
	}
	t.findings = append(t.findings, ofCluster(built.Findings, c.Name)...)
	if err != nil || t.findings.Failed() {
		return t, err
	}
	t.documents, err = deployed(o, c.Name)
	return t, err
}

// ofCluster returns the findings about the cluster, and the errors about all.
func ofCluster(all finding.List, cluster string) finding.List {
	return slices.DeleteFunc(slices.Clone(all), func(f finding.Finding) bool {
		return f.Cluster != cluster && f.Severity != finding.Error
	})
}

// deployed returns what Argo CD would deploy of a cluster.
func deployed(o Options, cluster string) ([]manifest.Document, error) {
	repo := disk.At(o.Root, o.Dir)
	defer repo.Close()
	files, err := tree.Deployed(repo, cluster)
	if err != nil {
		return nil, err
	}
	own := layout.Of(o.Dir, cluster)
	delete(files, own.Application()) // which has its own place, and a finding where its name changes
	return manifest.ParseAll(manifest.Other, files).Documents(), nil
}

// values puts into the spec what the values of the tree have beyond the chart's own and
// beyond what kasou makes of the spec.
func (im *importing) values(ctx context.Context, o Options, c handmade.Cluster, spec *fleet.ClusterSpec) (finding.List, error) {
	var both [2]map[string]any
	for i, defaults := range []bool{true, false} {
		text, found, err := Values(ctx, o, ValuesOptions{Defaults: defaults})
		if err != nil || found.Failed() {
			return found, err
		}
		if both[i], err = handmade.ReadValues(text); err != nil {
			return nil, err
		}
	}
	spec.Values = handmade.Beyond(c.Values, manifest.Coalesce(both[0], both[1]), both[1])
	return nil, nil
}

// copyShared copies what a build of one cluster reads beside its spec.
func (im *importing) copyShared(dir string, local *fleet.Chart) error {
	files := []string{im.fleet.File}
	for _, c := range im.fleet.Spec.Certificates() {
		files = append(files, path.Join(im.Dir, c.File))
	}
	files = append(files, im.fleet.Spec.Schemas...)
	if local != nil && local.Path != "" {
		files = append(files, local.Path)
	} else if d := im.fleet.Spec.Defaults; d != nil && d.Chart != nil && d.Chart.Path != "" {
		files = append(files, d.Chart.Path)
	}
	for _, file := range files {
		if err := im.copy(dir, file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // the build says what is missing
		}
	}
	return nil
}

// copy copies a file or folder of the repository.
func (im *importing) copy(dir, name string) error {
	return fs.WalkDir(im.root.FS(), path.Clean(name), func(file string, d fs.DirEntry, err error) error {
		to := filepath.Join(dir, filepath.FromSlash(file))
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := im.root.ReadFile(filepath.FromSlash(file))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o755)
		}
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
}

// writeSpec writes the spec.yaml of a trial, and returns its text.
func writeSpec(o Options, c handmade.Cluster, spec fleet.ClusterSpec) ([]byte, error) {
	body, err := yaml.Marshal(fleet.ClusterFile{APIVersion: fleet.APIVersion, Kind: fleet.KindCluster, Metadata: fleet.Metadata{Name: c.Name}, Spec: spec})
	if err != nil {
		return nil, err
	}
	text := append([]byte("# yaml-language-server: $schema=../"+fleet.SpecSchemaFile+"\n"), body...)
	file := filepath.Join(o.Root, filepath.FromSlash(layout.Of(o.Dir, c.Name).Spec()))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	return text, os.WriteFile(file, text, 0o644)
}

// steps says what is left to do.
func (im *importing) steps() {
	if len(im.names) == 0 {
		return
	}
	slices.Sort(im.old)
	im.out.Steps = []report.Step{
		{Name: "remove", State: report.StepNext, Detail: "the files that the build takes the place of:\ngit rm " + strings.Join(slices.Compact(im.old), " ")},
		{Name: "build", State: report.StepLater, Detail: "kasou build " + strings.Join(im.names, " ") + ", and look at the difference: git diff --stat HEAD"},
		{Name: "register", State: report.StepLater, Detail: "kasou register " + strings.Join(im.names, " ") + ", in the same commit as the removal of the old cluster Secrets"},
		{Name: "commit", State: report.StepLater, Detail: "commit all of it at once, and sync"},
	}
}
