package pipelines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
	"kasou/pipelines/trust"
)

// run is one pipeline at work: what all its clusters share.
type run struct {
	Options
	fleet *fleet.Fleet
	// repo is the repository, opened once.
	repo     *os.Root
	disk     *tree.Disk
	clusters []fleet.Cluster
	// retired are the names of the clusters to take away, those of other shards too.
	retired     []string
	schemas     *conform.Set
	certificate *seal.Certificate
	key         *seal.Key
	// serviceRange is the host's service range, for specs that say auto.
	serviceRange hostRange
	// host is open once the host could not be reached.
	host breaker
	// onlyLooks lets a run go on without the values of valuesFrom: it compares
	// what it can.
	onlyLooks bool
	// memory is nil where every cluster is to be built in full.
	memory *memory
	trust  *trust.Book
	// sealedAny says that something sealed was met.
	sealedAny atomic.Bool
	// kinds are those of the clusters that the run has built.
	kinds kindsOf
	// baseline is the commit that the change starts from, nil where there is none; moved
	// are the clusters whose locks are another there than on disk.
	baseline *history.Tree
	moved    map[string]bool
	// judge says what a plan's changes mean for this pipeline.
	judge func(tree.Plan) finding.List
}

// choose reads the fleet and picks the clusters that Options.Names name. With a
// finding that is an error, nothing may be done and the run is nil. The caller
// closes the run.
func choose(o Options) (*run, finding.List, error) {
	f, findings, err := fleet.Load(o.Root, o.Dir)
	if err != nil || findings.Failed() {
		return nil, findings, err
	}
	repo, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, nil, fmt.Errorf("open the repo: %w", err)
	}
	r := &run{Options: o, fleet: f, repo: repo, disk: tree.At(o.Root, o.Dir)}
	if err := r.choose(); err != nil {
		r.close()
		return nil, nil, err
	}
	return r, findings, nil
}

// sweep removes what earlier runs left in the repository half written.
func (o Options) sweep(ctx context.Context) error {
	if o.DryRun {
		return nil
	}
	disk := tree.At(o.Root, o.Dir)
	defer disk.Close()
	return disk.Sweep(ctx, func(cluster string) bool {
		return len(o.Names) == 0 && o.Shard.has(cluster) || slices.Contains(o.Names, cluster)
	})
}

// start is choose, with what all clusters need for a build.
func start(ctx context.Context, o Options) (*run, finding.List, error) {
	r, findings, err := choose(o)
	if err != nil || r == nil {
		return nil, findings, err
	}
	found, err := r.prepare(ctx)
	if findings = append(findings, found...); err != nil || findings.Failed() {
		r.close()
		return nil, findings, err
	}
	return r, findings, nil
}

func (r *run) prepare(ctx context.Context) (findings finding.List, err error) {
	if r.key, err = sealKey(r.SealKey); err != nil {
		return nil, err
	}
	r.certificate, findings = seal.LoadCertificate(r.fleet, time.Now())
	found, err := r.openTrust(ctx)
	if err != nil {
		return nil, err
	}
	findings = append(findings, found...)
	r.schemas, found, err = conform.Find(r.fleet, r.Cache)
	return append(findings, found...), err
}

// close lets go of the repository.
func (r *run) close() {
	r.baseline.Close()
	_, _ = r.disk.Close(), r.repo.Close()
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

func (e *SettingError) Error() string { return e.Name + ": " + e.Err.Error() }
func (e *SettingError) Unwrap() error { return e.Err }

// choose picks the clusters that Options.Names name, each once; all where it is
// empty.
func (r *run) choose() error {
	if len(r.Names) == 0 {
		r.clusters = ofShard(r.Shard, r.fleet.Clusters, func(c fleet.Cluster) string { return c.Name })
		r.retired = r.fleet.Retired
		return nil
	}
	named := map[string]bool{}
	for _, name := range r.Names {
		named[name] = true
	}
	for _, c := range r.fleet.Clusters {
		if named[c.Name] {
			r.clusters = append(r.clusters, c)
			delete(named, c.Name)
		}
	}
	for _, name := range r.fleet.Retired {
		if named[name] {
			r.retired = append(r.retired, name)
			delete(named, name)
		}
	}
	for _, name := range r.Names {
		if named[name] {
			return &UnknownClusterError{Name: name, Known: append(r.fleet.Names(), r.fleet.Retired...)}
		}
	}
	return nil
}

// ofShard keeps those whose names belong to the shard.
func ofShard[T any](s Shard, all []T, name func(T) string) []T {
	if s.Count < 2 {
		return all
	}
	var kept []T
	for _, one := range all {
		if s.has(name(one)) {
			kept = append(kept, one)
		}
	}
	return kept
}

// sealer returns the sealer for one cluster, which knows what its lock says. The
// files with something sealed in them are added to sealed, unless it is nil.
func (r *run) sealer(cluster string, lock *lockfile.Lock, reseal bool, sealed *[]string) *seal.Sealer {
	o := seal.Options{
		Tool: r.Toolchain, Certificate: r.certificate, Key: r.key, Now: time.Now(),
		MaxAge: r.maxAge(), Reseal: reseal, Recorded: r.recorded(lock),
	}
	if r.trust.Signs() {
		o.Unsigned = func(file string, data []byte) bool {
			_, why := r.trust.Vouched(cluster, file, lock, data)
			return why != ""
		}
	}
	if sealed != nil {
		o.Sealed = func(file string) {
			if !slices.Contains(*sealed, file) {
				*sealed = append(*sealed, file)
			}
		}
	}
	return seal.New(o)
}

// recorded gives the digest that a lock has for a file, by the file's path from
// the repo's root; empty where it has none.
func (r *run) recorded(lock *lockfile.Lock) func(file string) string {
	return func(file string) string {
		if lock == nil {
			return ""
		}
		return lock.Files[strings.TrimPrefix(file, r.Dir+"/")]
	}
}

// openTrust opens the book of what is signed.
func (r *run) openTrust(ctx context.Context) (found finding.List, err error) {
	r.trust, found, err = trust.Open(ctx, trust.Options{
		Fleet: r.fleet, Key: r.key, Certificate: r.certificate, Against: r.Against, BeforeMerge: r.BeforeMerge,
		Looks: func() bool { return r.onlyLooks }, Committed: r.committed,
	})
	return found, err
}

// lockFile returns the path of a cluster's lock from the repo's root.
func (r *run) lockFile(cluster string) string { return layout.Of(r.Dir, cluster).Lock() }

// inside returns a path from the clusters folder.
func (r *run) inside(file string) string { return strings.TrimPrefix(file, r.Dir+"/") }

// maxAge gives sealing.maxAge; the fleet's checks have made sure that it parses.
func (r *run) maxAge() time.Duration {
	if r.fleet.Spec.Sealing == nil {
		return 0
	}
	age, _ := fleet.ParseDuration(r.fleet.Spec.Sealing.MaxAge)
	return age
}

func (r *run) step(total int) func(int, fleet.Cluster) {
	return func(done int, c fleet.Cluster) {
		if r.Progress != nil {
			r.Progress(done, total, c.Name)
		}
	}
}

// unfinished notes err in the report, unless it is nil. An interrupt is no
// cluster's own.
func unfinished(into *report.Report, cluster string, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	into.Unfinished = append(into.Unfinished, report.Unfinished{Cluster: cluster, Message: err.Error()})
}
