package workspace

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"kasou/pipelines/cache"
	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree/disk"
	"kasou/pipelines/trust"
)

// Workspace is one run's view of a repository.
type Workspace struct {
	Options
	Fleet *fleet.Fleet
	Disk  *disk.Disk
	// Clusters are those that the run works on.
	Clusters []fleet.Cluster
	// Retired are the names of the clusters to take away, those of other shards too.
	Retired []string
	Hosts   Hosts
	// Schemas, Certificates, Key and Trust are there after Prepare. Key is nil where there
	// is none.
	Schemas      *conform.Set
	Certificates Certificates
	Key          *seal.Key
	Trust        *trust.Book
	// OnlyLooks lets a run go on without the values of valuesFrom: it compares
	// what it can.
	OnlyLooks bool
	// Kept is what builds before have left in the cache for this repository; nil where
	// everything is to be worked out anew.
	Kept *cache.File

	repo *os.Root
	once sync.Once
	git  history.Repository
}

// Open reads the fleet and picks the clusters that Options.Names name; all where it
// is empty. What it finds goes into the report: with an error among that, nothing may be
// done and the workspace is nil. The caller closes it. A name that no cluster has is an
// *UnknownClusterError.
func Open(o Options, out *report.Report) (*Workspace, error) {
	var kept *cache.File
	if !o.DryRun && !o.NoCache {
		kept = cache.OpenFor(o.Cache, o.Root, o.Dir)
	}
	d := cmp.Or(o.Swept, disk.At(o.Root, o.Dir))
	load := func(take bool) (*fleet.Fleet, finding.List, error) {
		return fleet.Load(o.Root, o.Dir, fleet.WithCache(kept, take), fleet.Listed(d.Entries))
	}
	f, findings, err := load(o.Idle)
	if err == nil && f.Cached && slices.ContainsFunc(f.Clusters, func(c fleet.Cluster) bool { return !c.OwnInputs() }) {
		f, findings, err = load(false) // they are always built
	}
	out.Findings = append(out.Findings, findings...)
	if err != nil || findings.Failed() {
		return nil, err
	}
	if f.Cached {
		o.DryRun, o.Progress, o.Failed = true, nil, nil
	}
	if o.Helm != 0 {
		f.Spec.Helm = o.Helm
	}
	if err := useContext(f, o.HostContext); err != nil {
		return nil, err
	}
	repo, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, fmt.Errorf("open the repo: %w", err)
	}
	w := &Workspace{Options: o, Fleet: f, Kept: kept, repo: repo, Disk: d, Hosts: openHosts(f, o)}
	if err := choose(w); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Start is Open and Prepare, with the certificates as they are now. One that cannot seal
// fails the clusters of its host, by Certificates.Refused; all where it is Argo CD's, too, or of the
// only host. The report gets the texts that findings point into, and the tools' versions.
func Start(ctx context.Context, o Options, out *report.Report) (*Workspace, error) {
	w, err := Open(o, out)
	if err != nil || w == nil {
		return nil, err
	}
	found, err := w.Prepare(ctx, time.Now())
	found = append(w.Certificates.Shared(w.Fleet.Clusters), found...)
	out.Findings = append(out.Findings, found...)
	if err != nil || found.Failed() {
		w.Close()
		return nil, err
	}
	out.Text, out.Tools = w.Fleet.Text, w.Toolchain.Versions(w.Fleet.Spec.Helm)
	return w, nil
}

// Prepare brings what all clusters need for a build. What is found about the sealing
// certificates at the time now is not among the findings, but in Certificates.
func (w *Workspace) Prepare(ctx context.Context, now time.Time) (findings finding.List, err error) {
	if w.Key, err = sealKey(w.SealKey); err != nil {
		return nil, err
	}
	if findings, err = checkedOut(ctx, w); err != nil || findings.Failed() {
		return findings, err
	}
	w.Certificates = loadCertificates(w.Fleet, now)
	w.Trust, findings, err = trust.Open(ctx, trust.Options{
		Fleet: w.Fleet, Git: w.Git(ctx), Key: w.Key, Against: w.Against, BeforeMerge: w.BeforeMerge,
		Looks: func() bool { return w.OnlyLooks }, Committed: w.Committed,
	})
	if err != nil {
		return findings, err
	}
	others, err := beside(ctx, w)
	if err != nil {
		return findings, err
	}
	schemas, found, err := conform.Find(w.Fleet, w.Cache)
	w.Schemas = schemas
	return slices.Concat(findings, others, found), err
}

// Git returns what git says of the repository, which is asked once.
func (w *Workspace) Git(ctx context.Context) history.Repository {
	w.once.Do(func() { w.git = history.Open(ctx, w.Root) })
	return w.git
}

// Close lets go of the repository.
func (w *Workspace) Close() { _, _ = w.Disk.Close(), w.repo.Close() }

// Sweep removes what earlier runs left in the repository half written, and notes in the
// options what it saw. A dry run removes nothing.
func Sweep(ctx context.Context, o *Options) error {
	if o.DryRun {
		return nil
	}
	o.Swept = disk.At(o.Root, o.Dir)
	defer o.Swept.Close()
	return o.Swept.Sweep(ctx, func(cluster string) bool {
		return len(o.Names) == 0 && o.Shard.Has(cluster) || slices.Contains(o.Names, cluster)
	})
}

func sealKey(value string) (*seal.Key, error) {
	if value == "" {
		return nil, nil
	}
	key, err := seal.ParseKey(value)
	if err != nil {
		return nil, &SettingError{Name: seal.KeyEnv, Err: err}
	}
	return key, nil
}

// SettingError is an environment variable that makes no sense. It never holds
// the variable's value.
type SettingError struct {
	Name string
	Err  error
}

func (e *SettingError) Error() string {
	if text := e.Err.Error(); strings.HasPrefix(text, e.Name) {
		return text
	}
	return e.Name + ": " + e.Err.Error()
}

func (e *SettingError) Unwrap() error { return e.Err }

// choose picks the clusters that Options.Names name, each once; all where it is
// empty.
func choose(w *Workspace) error {
	if len(w.Names) == 0 {
		w.Clusters = w.Shard.of(w.Fleet.Clusters)
		w.Retired = w.Fleet.Retired
		return nil
	}
	named := map[string]bool{}
	for _, name := range w.Names {
		named[name] = true
	}
	for _, c := range w.Fleet.Clusters {
		if named[c.Name] {
			w.Clusters = append(w.Clusters, c)
			delete(named, c.Name)
		}
	}
	for _, name := range w.Fleet.Retired {
		if named[name] {
			w.Retired = append(w.Retired, name)
			delete(named, name)
		}
	}
	for _, name := range w.Names {
		if named[name] {
			return &UnknownClusterError{Name: name, Known: append(w.Fleet.Names(), w.Fleet.Retired...)}
		}
	}
	return nil
}

// Paths returns the paths of a cluster's files, from the repo's root.
func (w *Workspace) Paths(cluster string) layout.Cluster { return layout.Of(w.Dir, cluster) }

// Inside returns a path from the repo's root as one from the clusters folder.
func (w *Workspace) Inside(file string) string { return strings.TrimPrefix(file, w.Dir+"/") }

// Committed returns a file of the repo as it stands on disk; nil where it cannot be
// read. Its path is from the repo's root.
func (w *Workspace) Committed(file string) []byte {
	// Before opening: a named pipe would block the open.
	if info, err := w.repo.Stat(path.Clean(file)); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	data, err := w.repo.ReadFile(path.Clean(file))
	if err != nil {
		return nil
	}
	return data
}

// Repository returns the repo's root, which nothing that is opened by it leaves.
func (w *Workspace) Repository() *os.Root { return w.repo }

// Step returns what to call when one of total clusters is done.
func (w *Workspace) Step(total int) func(done int, c fleet.Cluster) {
	return func(done int, c fleet.Cluster) {
		if w.Progress != nil {
			w.Progress(done, total, c.Name)
		}
	}
}

// Conform validates files, by schemas that are made ready when the first cluster
// needs them.
func (w *Workspace) Conform(ctx context.Context, c fleet.Cluster, files manifest.Set) (finding.List, error) {
	schemas, err := w.Schemas.Ready(c.Spec.Host)
	if err != nil {
		return nil, err
	}
	return conform.Check(ctx, w.Toolchain, schemas, conform.Job{Cluster: c, Files: files})[0].Get()
}
