package tree

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree/disk"
)

// Wanted is what a cluster's files are to be.
type Wanted struct {
	// Cluster is its name.
	Cluster string
	// Files are all its generated files but lock.yaml, by path from the repo's
	// root.
	Files manifest.Files
	// Lock is to be its lock.yaml. Compare fills in Files.
	Lock lockfile.Lock
	// Known is the lock as it was read before; nil where it was not. It need not be
	// parsed again as long as it is the same.
	Known *lockfile.Lock
}

// Compare returns what WriteAll must do so that the cluster's files on disk are the
// wanted ones. It only reads, and waits for a build of the cluster that is at work.
// Findings are what stands in the way: with any, the plan must not be applied.
// What a check has to say about the plan is in Plan.Findings.
func Compare(ctx context.Context, d *disk.Disk, wanted Wanted) (Plan, finding.List, error) {
	if bad := checkPaths(d.Dir(), wanted); len(bad) > 0 {
		return newPlan(d, wanted.Cluster), bad, nil
	}
	return compare(ctx, d, wanted.Cluster, wanted.Known, func(c *comparison) error {
		final := wanted.Lock
		var err error
		if final.Files, err = c.files(wanted.Files); err != nil {
			return err
		}
		return c.lock(final)
	})
}

// Put returns the plan that writes one generated file of a cluster, leaves its
// others alone, and enters it into the lock, with the statement about it where
// there is one. file is relative to the repo's root. Findings stand in the way, as in
// Compare; a cluster that was never built is one.
func Put(ctx context.Context, d *disk.Disk, cluster, file string, data []byte, statement *lockfile.SealLock) (Plan, finding.List, error) {
	if bad := checkPaths(d.Dir(), Wanted{Cluster: cluster, Files: manifest.Files{file: data}}); len(bad) > 0 {
		return newPlan(d, cluster), bad, nil
	}
	return compare(ctx, d, cluster, nil, func(c *comparison) error {
		if len(c.old.Files) == 0 {
			c.findings = append(c.findings, finding.Finding{
				File: c.plan.lock.Path, Cluster: cluster, Rule: RuleNotBuilt, Severity: finding.Error,
				Message: fmt.Sprintf("cluster %s was never built", cluster),
				Hint:    "Run kasou build first.",
			})
			return nil
		}
		if err := c.file(file, data); err != nil {
			return err
		}
		lock, inside := c.old, c.inside(file) // writing, too: a build that was cut off is still to be finished
		lock.Files = maps.Clone(lock.Files)
		lock.Files[inside] = manifest.Digest(data)
		lock.Sealed = maps.Clone(lock.Sealed)
		delete(lock.Sealed, inside) // the statement was about the content before
		if statement != nil {
			lock.Sealed = merged(lock.Sealed, map[string]lockfile.SealLock{inside: *statement})
		}
		return c.lock(lock)
	})
}

// Repin returns the plan that puts another pin of the chart into the cluster's
// lock.yaml and changes nothing else: the files are then stale until the next
// build. Findings are about the lock; with any, the plan is not to be applied.
func Repin(ctx context.Context, d *disk.Disk, cluster string, pin lockfile.ChartLock) (Plan, finding.List, error) {
	return compare(ctx, d, cluster, nil, func(c *comparison) (err error) {
		lock := c.old
		if lock.Chart == pin {
			return nil
		}
		lock.Chart = pin
		if c.plan.lock.New, err = lock.Marshal(); err != nil {
			return fmt.Errorf("lock of %s: %w", cluster, err)
		}
		c.plan.add(Change{Path: c.plan.lock.Path, Old: c.plan.lock.Old, New: c.plan.lock.New, Cause: Stale})
		return nil
	})
}

// compare calls plan with the cluster's lock read, and nobody writing.
func compare(ctx context.Context, d *disk.Disk, cluster string, known *lockfile.Lock, plan func(*comparison) error) (Plan, finding.List, error) {
	v := d.View()
	defer v.Close()
	c := comparison{view: v, plan: newPlan(d, cluster)}
	err := v.Lock(ctx, c.plan.folder(), false)
	if found := obstacleIn(err, cluster); found != nil {
		return c.plan, finding.List{*found}, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.plan, nil, err
	}
	old, text, findings, err := readLock(d, v, cluster, known)
	if err != nil || len(findings) > 0 {
		return c.plan, findings, err
	}
	c.plan.lock.Old = text
	if old != nil {
		c.old = *old
	}
	if err := plan(&c); err != nil {
		return c.plan, nil, err
	}
	c.plan.sort()
	c.findings.Sort()
	return c.plan, c.findings, nil
}

// checkPaths holds the wanted paths to the same fence as a lock's: some of them
// come out of charts.
func checkPaths(dir string, wanted Wanted) (bad finding.List) {
	refuse := func(p, message string) {
		bad = append(bad, finding.Finding{
			File: layout.Of(dir, wanted.Cluster).Spec(), Cluster: wanted.Cluster, Rule: RuleBadPath, Severity: finding.Error,
			Message: fmt.Sprintf("the generated file %q %s", p, message),
			Hint:    "The chart has a template of a name that kasou refuses; use another chart or version.",
		})
	}
	paths := wanted.Files.Paths()
	for _, p := range paths {
		if inside, ok := strings.CutPrefix(p, dir+"/"); !ok || !owned(wanted.Cluster, inside) {
			refuse(p, "would stand outside the cluster's place")
		}
	}
	if p := blocked(wanted.Files, paths); p != "" {
		refuse(p, "would have to be a folder, too")
	}
	return bad
}

// comparison is one cluster's wanted files against the disk.
type comparison struct {
	view *disk.View
	// old is the lock on disk, empty where there is none.
	old      lockfile.Lock
	plan     Plan
	findings finding.List
	// retired is why all files go; empty where the cluster stays.
	retired string
}

// files plans for all the wanted files, and for those that the lock lists beside them.
// It returns the digests of the wanted ones, by path from the clusters folder.
func (c *comparison) files(wanted manifest.Files) (map[string]string, error) {
	digests := make(map[string]string, len(wanted))
	for _, p := range wanted.Paths() {
		data := wanted[p]
		if data == nil {
			data = []byte{}
		}
		digests[c.inside(p)] = manifest.Digest(data)
		if err := c.file(p, data); err != nil {
			return nil, err
		}
	}
	for _, p := range slices.Sorted(maps.Keys(c.old.Files)) {
		if _, stays := digests[p]; !stays {
			if err := c.file(path.Join(c.plan.dir, p), nil); err != nil {
				return nil, err
			}
		}
	}
	return digests, nil
}

func (c *comparison) inside(p string) string { return strings.TrimPrefix(p, c.plan.dir+"/") }

// file plans for one file; a nil data is one that is not wanted.
func (c *comparison) file(p string, data []byte) error {
	old, err := c.view.Read(p)
	if found := obstacleIn(err, c.plan.Cluster); found != nil {
		c.findings = append(c.findings, *found)
		return nil
	}
	if err != nil || disk.Same(old, data) {
		return err
	}
	old = bytes.Clone(old)
	digest, listed := c.old.Files[c.inside(p)]
	switch {
	case old == nil:
	case !listed && !c.stamped(p, old):
		c.findings = append(c.findings, foreign(p, c.plan.Cluster, old, data))
		return nil
	case data == nil && !c.old.Claims(c.inside(p), old):
		c.findings = append(c.findings, notDeleted(p, c.plan.Cluster, cmp.Or(c.retired, "it is no longer generated")))
		return nil
	}
	c.plan.add(Change{Path: p, Old: old, New: data, Cause: c.cause(old, data, digest, listed)})
	return nil
}

// stamped reports whether a file in root/ proves to be kasou's without a lock.
func (c *comparison) stamped(p string, data []byte) bool {
	return path.Dir(p) == path.Join(c.plan.dir, layout.Root) &&
		Stamped(layout.Of(c.plan.dir, c.plan.Cluster).Spec(), data)
}

func (c *comparison) cause(old, data []byte, digest string, listed bool) Cause {
	switch {
	case c.retired != "":
		return Retired
	case c.old.Writing:
		return Interrupted
	case old == nil && listed:
		return Missing
	case old == nil:
		return New
	case listed && !manifest.HasDigest(old, digest):
		if plain, converted := unconverted(old); converted && (manifest.HasDigest(plain, digest) || disk.Same(plain, data)) {
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
func (c *comparison) lock(final lockfile.Lock) error {
	text, err := final.Marshal()
	if err != nil {
		return fmt.Errorf("lock of %s: %w", c.plan.Cluster, err)
	}
	c.plan.lock.New = text
	if !disk.Same(c.plan.lock.Old, text) {
		cause := Interrupted
		if !c.old.Writing {
			cause = lockCause(c.plan.lock.Old, c.old.Marshal)
		}
		c.plan.add(Change{Path: c.plan.lock.Path, Old: c.plan.lock.Old, New: text, Cause: cause})
	}
	if c.plan.Empty() {
		return nil
	}
	intent := final
	intent.Writing = true
	intent.Files = merged(c.old.Files, final.Files)
	intent.ReplacedSealed = merged(c.old.Sealed, final.ReplacedSealed)
	// The files that are to be replaced or deleted are kasou's also for the run that
	// finishes this one's work, whatever it then wants.
	intent.Replaced = merged(final.Replaced, nil)
	for _, change := range c.plan.Changes {
		if change.Old != nil && change.Path != c.plan.lock.Path {
			intent.Replaced[c.inside(change.Path)] = manifest.Digest(change.Old)
		}
	}
	if c.plan.lock.Intent, err = intent.Marshal(); err != nil {
		return fmt.Errorf("lock of %s: %w", c.plan.Cluster, err)
	}
	return nil
}

// merged returns what is in either map, b's before a's.
func merged[T any](a, b map[string]T) map[string]T {
	all := make(map[string]T, len(a)+len(b))
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// lockCause returns why a lock on disk is not as it is wanted: marshal returns what
// kasou would have written for what it says.
func lockCause(text []byte, marshal func() ([]byte, error)) Cause {
	if text == nil {
		return New
	}
	if canonical, err := marshal(); err != nil || !disk.Same(canonical, text) {
		return HandEdit
	}
	return Stale
}

// obstacleIn returns the finding about what stands in kasou's way; nil where err is
// anything else.
func obstacleIn(err error, cluster string) *finding.Finding {
	o, ok := errors.AsType[*disk.Obstacle](err)
	if !ok {
		return nil
	}
	rule := RuleNotAFile
	if o.Link {
		rule = RuleSymlink
	}
	return &finding.Finding{
		File: o.Path, Cluster: cluster, Rule: rule, Severity: finding.Error,
		Message: o.Message, Hint: "Move it away; kasou does not touch what it did not write.",
	}
}
