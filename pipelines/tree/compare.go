package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// ReadLock reads the cluster's lock.yaml; nil where there is none. A lock that
// does not parse, or that claims files which cannot be the cluster's, gives
// findings and no lock.
func (d *Disk) ReadLock(cluster string) (*lockfile.Lock, finding.List, error) {
	v := d.visit()
	defer v.Close()
	if data, ok := v.glimpse(layout.Of("", cluster).Lock()); ok {
		lock, _, findings, err := v.parseLock(cluster, data)
		return lock, findings, err
	}
	lock, _, findings, err := v.readLock(cluster, nil)
	return lock, findings, err
}

// readLock returns the lock and its text, until the next look: known, where that is
// what it says.
func (v *visit) readLock(cluster string, known *lockfile.Lock) (*lockfile.Lock, []byte, finding.List, error) {
	p := layout.Of(v.disk.dir, cluster).Lock()
	data, err := v.lookMaybe(p)
	if found := obstacleIn(err, cluster); found != nil {
		return nil, nil, finding.List{*found}, nil
	}
	if err != nil || data == nil {
		return nil, nil, nil, err
	}
	if known != nil && manifest.HasDigest(data, known.Text) {
		return known, data, nil, nil
	}
	return v.parseLock(cluster, data)
}

func (v *visit) parseLock(cluster string, data []byte) (*lockfile.Lock, []byte, finding.List, error) {
	p := layout.Of(v.disk.dir, cluster).Lock()
	if _, converted := unconverted(data); converted {
		return nil, data, finding.List{lineEnds(finding.Error, p, cluster)}, nil
	}
	lock, err := lockfile.Parse(data)
	if err != nil {
		return nil, data, finding.List{badLock(p, cluster, strings.TrimSpace(err.Error()),
			"Restore it from git; after a merge conflict take either side, then run kasou build.")}, nil
	}
	if found := strays(lock, cluster); len(found) > 0 {
		old, err := v.renamedFrom(lock)
		if err != nil {
			return nil, data, nil, err
		}
		if old != "" {
			return nil, data, finding.List{renamed(v.disk.dir, old, cluster)}, nil
		}
		return nil, data, finding.List{badLock(p, cluster,
			fmt.Sprintf("claims files that cannot be cluster %s's: %s", cluster, some(found)),
			"Restore it from git. If the folder is a copy of another cluster's, delete everything in it but spec.yaml.")}, nil
	}
	return lock, data, nil, nil
}

func badLock(p, cluster, message, hint string) finding.Finding {
	return finding.Finding{File: p, Cluster: cluster, Rule: RuleBadLock, Severity: finding.Error, Message: message, Hint: hint}
}

// strays gives the paths that the lock lists and must not, sorted.
func strays(l *lockfile.Lock, cluster string) []string {
	var found []string
	for p := range l.Files {
		if !owned(cluster, p) {
			found = append(found, p)
		}
	}
	slices.Sort(found)
	return found
}

// some joins the first few of a list for a message.
func some(list []string) string {
	const enough = 3
	quoted := make([]string, 0, enough)
	for _, s := range list[:min(len(list), enough)] {
		quoted = append(quoted, fmt.Sprintf("%q", s))
	}
	joined := strings.Join(quoted, ", ")
	if more := len(list) - enough; more > 0 {
		joined += fmt.Sprintf(" and %d more", more)
	}
	return joined
}

func obstacleIn(err error, cluster string) *finding.Finding {
	var o *obstacle
	if !errors.As(err, &o) {
		return nil
	}
	found := o.finding(cluster)
	return &found
}

// Compare gives what Apply must do so that the cluster's files on disk are the
// wanted ones. It only reads, and waits for a build of the cluster that is at
// work.
// Findings are what stands in the way: with any, the plan must not be applied.
// What a check has to say about the plan is in Plan.Findings.
func (d *Disk) Compare(ctx context.Context, wanted Wanted) (Plan, finding.List, error) {
	return d.compare(ctx, wanted, (*comparison).run)
}

// Put gives the plan that writes one generated file of a cluster, leaves its
// others alone, and enters it into the lock, with the statement about it where
// there is one. file is relative to the repo's
// root. Findings stand in the way, as in Compare; a cluster that was never built
// is one.
func (d *Disk) Put(ctx context.Context, cluster, file string, data []byte, statement *lockfile.SealLock) (Plan, finding.List, error) {
	wanted := Wanted{Cluster: cluster, Files: manifest.Files{file: data}}
	if statement != nil {
		wanted.Lock.Sealed = map[string]lockfile.SealLock{strings.TrimPrefix(file, d.dir+"/"): *statement}
	}
	return d.compare(ctx, wanted, (*comparison).put)
}

func (d *Disk) compare(ctx context.Context, wanted Wanted, plan func(*comparison) error) (Plan, finding.List, error) {
	v := d.visit()
	defer v.Close()
	c := comparison{visit: v, wanted: wanted, paths: wanted.Files.Paths(), plan: newPlan(d.dir, wanted.Cluster)}
	if c.checkPaths(); len(c.findings) > 0 {
		return c.plan, c.findings, nil
	}
	err := v.lockToRead(ctx, c.plan)
	if found := obstacleIn(err, wanted.Cluster); found != nil {
		return c.plan, finding.List{*found}, nil
	}
	if err != nil {
		return c.plan, nil, err
	}
	old, raw, findings, err := v.readLock(wanted.Cluster, wanted.Known)
	if err != nil || len(findings) > 0 {
		return c.plan, findings, err
	}
	c.plan.lockOld = bytes.Clone(raw)
	if old != nil {
		c.old, c.hadLock = *old, true
	}
	if err := plan(&c); err != nil {
		return c.plan, nil, err
	}
	c.plan.sort()
	c.findings.Sort()
	return c.plan, c.findings, nil
}

func newPlan(dir, cluster string) Plan {
	return Plan{Cluster: cluster, dir: dir, lockPath: layout.Of(dir, cluster).Lock()}
}

// comparison is one Compare at work.
type comparison struct {
	visit    *visit
	wanted   Wanted
	paths    []string // of what is wanted, sorted
	old      lockfile.Lock
	hadLock  bool
	plan     Plan
	findings finding.List
}

// checkPaths holds the wanted paths to the same fence as a lock's: some of them
// come out of charts.
func (c *comparison) checkPaths() {
	bad := func(p, message string) {
		c.findings = append(c.findings, finding.Finding{
			File: layout.Of(c.plan.dir, c.plan.Cluster).Spec(), Cluster: c.wanted.Cluster, Rule: RuleBadPath, Severity: finding.Error,
			Message: fmt.Sprintf("the generated file %q %s", p, message),
			Hint:    "The chart has a template of a name that kasou refuses; use another chart or version.",
		})
	}
	for _, p := range c.paths {
		if inside, ok := strings.CutPrefix(p, c.plan.dir+"/"); !ok || !owned(c.wanted.Cluster, inside) {
			bad(p, "would stand outside the cluster's place")
		}
	}
	if p := blocked(c.wanted.Files, c.paths); p != "" {
		bad(p, "would have to be a folder, too")
	}
}

func (c *comparison) run() error {
	digests := make(map[string]string, len(c.wanted.Files))
	for _, p := range c.paths {
		data := c.wanted.Files[p]
		if data == nil {
			data = []byte{}
		}
		digests[c.inside(p)] = manifest.Digest(data)
		if err := c.file(p, data); err != nil {
			return err
		}
	}
	for _, p := range slices.Sorted(maps.Keys(c.old.Files)) {
		if _, stays := digests[p]; !stays {
			if err := c.file(path.Join(c.plan.dir, p), nil); err != nil {
				return err
			}
		}
	}
	return c.lock(digests)
}

// put plans for the wanted files alone.
func (c *comparison) put() error {
	if !c.hadLock || len(c.old.Files) == 0 {
		c.findings = append(c.findings, finding.Finding{
			File: c.plan.lockPath, Cluster: c.wanted.Cluster, Rule: RuleNotBuilt, Severity: finding.Error,
			Message: fmt.Sprintf("cluster %s was never built", c.wanted.Cluster),
			Hint:    "Run kasou build first.",
		})
		return nil
	}
	digests := maps.Clone(c.old.Files)
	for _, p := range c.paths {
		digests[c.inside(p)] = manifest.Digest(c.wanted.Files[p])
		if err := c.file(p, c.wanted.Files[p]); err != nil {
			return err
		}
	}
	sealed := map[string]lockfile.SealLock{}
	maps.Copy(sealed, c.old.Sealed)
	for _, p := range c.paths {
		delete(sealed, c.inside(p)) // the statement was about the content before
	}
	maps.Copy(sealed, c.wanted.Lock.Sealed)
	c.wanted.Lock = c.old // writing, too: a build that was cut off is still to be finished
	c.wanted.Lock.Sealed = sealed
	return c.lock(digests)
}

func (c *comparison) inside(p string) string { return strings.TrimPrefix(p, c.plan.dir+"/") }

// file plans for one file; a nil data is one that is not wanted.
func (c *comparison) file(p string, data []byte) error {
	old, err := c.visit.lookMaybe(p)
	if found := obstacleIn(err, c.wanted.Cluster); found != nil {
		c.findings = append(c.findings, *found)
		return nil
	}
	if err != nil || same(old, data) {
		return err
	}
	old = bytes.Clone(old)
	digest, listed := c.old.Files[c.inside(p)]
	switch {
	case old == nil:
	case !listed && !c.stamped(p, old):
		c.findings = append(c.findings, foreign(p, c.wanted.Cluster, old, data))
		return nil
	case data == nil && !c.old.Claims(c.inside(p), old):
		c.findings = append(c.findings, notDeleted(p, c.wanted.Cluster, "it is no longer generated"))
		return nil
	}
	c.plan.add(Change{Path: p, Old: old, New: data, Cause: c.cause(old, data, digest, listed)})
	return nil
}

// stamped says whether a file in root/ proves to be kasou's without a lock.
func (c *comparison) stamped(p string, data []byte) bool {
	return path.Dir(p) == path.Join(c.plan.dir, layout.Root) &&
		Stamped(layout.Of(c.plan.dir, c.plan.Cluster).Spec(), data)
}

func (c *comparison) cause(old, data []byte, digest string, listed bool) Cause {
	switch {
	case c.old.Writing:
		return Interrupted
	case old == nil && listed:
		return Missing
	case old == nil:
		return New
	case listed && !manifest.HasDigest(old, digest):
		if plain, converted := unconverted(old); converted && (manifest.HasDigest(plain, digest) || same(plain, data)) {
			return LineEnds
		}
		return HandEdit
	case data == nil:
		return Unwanted
	}
	return Stale
}

func foreign(p, cluster string, old, data []byte) finding.Finding {
	line, column := firstDifference(old, data)
	return finding.Finding{
		File: p, Line: line, Column: column, Cluster: cluster, Rule: RuleForeignFile, Severity: finding.Error,
		Message: "kasou would write this file, but did not write the one that is there",
		Hint:    "Move it away, or delete it, and run kasou build.",
	}
}

// notDeleted is for a file that the lock lists, and that is not what it says: it
// may be a person's, whatever somebody wrote into the lock.
func notDeleted(p, cluster, why string) finding.Finding {
	return finding.Finding{
		File: p, Cluster: cluster, Rule: RuleNotDeleted, Severity: finding.Error,
		Message: why + ", but its content is not what the lock records, so it is not deleted",
		Hint:    "Move it away if it is yours, or delete it, and run kasou build.",
	}
}

// lock plans for lock.yaml, and makes the one that stands during the writing.
func (c *comparison) lock(digests map[string]string) error {
	final := c.wanted.Lock
	final.Files = digests
	var err error
	if c.plan.lockNew, err = final.Marshal(); err != nil {
		return fmt.Errorf("lock of %s: %w", c.wanted.Cluster, err)
	}
	if !same(c.plan.lockOld, c.plan.lockNew) {
		c.plan.add(Change{Path: c.plan.lockPath, Old: c.plan.lockOld, New: c.plan.lockNew, Cause: c.lockCause()})
	}
	if c.plan.Empty() {
		return nil
	}
	intent := final
	intent.Files, intent.Writing = maps.Clone(c.old.Files), true
	if intent.Files == nil {
		intent.Files = map[string]string{}
	}
	maps.Copy(intent.Files, digests)
	intent.Replaced = c.replaced(final.Replaced)
	intent.ReplacedSealed = map[string]lockfile.SealLock{}
	maps.Copy(intent.ReplacedSealed, c.old.Sealed)
	maps.Copy(intent.ReplacedSealed, final.ReplacedSealed)
	if c.plan.lockIntent, err = intent.Marshal(); err != nil {
		return fmt.Errorf("lock of %s: %w", c.wanted.Cluster, err)
	}
	return nil
}

// replaced returns, with those before, the digests of the files on disk that are
// to be replaced or deleted: they are kasou's also for the run that finishes this
// one's work, whatever it then wants.
func (c *comparison) replaced(before map[string]string) map[string]string {
	all := maps.Clone(before)
	if all == nil {
		all = map[string]string{}
	}
	for _, change := range c.plan.Changes {
		if change.Old != nil && change.Path != c.plan.lockPath {
			all[c.inside(change.Path)] = manifest.Digest(change.Old)
		}
	}
	return all
}

func (c *comparison) lockCause() Cause {
	switch canonical, err := c.old.Marshal(); {
	case !c.hadLock:
		return New
	case c.old.Writing:
		return Interrupted
	case err != nil || !same(canonical, c.plan.lockOld):
		return HandEdit
	}
	return Stale
}

// same compares contents, where nil is no file.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
