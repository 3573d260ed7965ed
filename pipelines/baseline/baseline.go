// Package baseline is what the commit that a change starts from has of each cluster,
// and what the step from there to the wanted files does to one that runs.
package baseline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/argocd"
	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/transition"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

const (
	// RuleStep: what a change does to a cluster that runs, which needs no word.
	RuleStep finding.Rule = "plan-step"
	// RuleFleet: what a change of fleet.yaml does to the Argo CD that runs.
	RuleFleet finding.Rule = "plan-fleet"
	// RuleRefused: a change that breaks a cluster, which nobody has accepted.
	RuleRefused finding.Rule = "plan-refused"
	// RuleUnusedAccept: spec.accept names a change that is not pending.
	RuleUnusedAccept finding.Rule = "plan-unused-accept"
	// RuleBaseUnknown: the commit that a change starts from is not in the clone.
	RuleBaseUnknown finding.Rule = "plan-base-unknown"
)

// Baseline is a commit. The nil one has no cluster.
type Baseline struct {
	*workspace.Workspace
	tree history.Files
	// moved are the clusters whose locks are another there than on disk.
	moved map[string]bool
	// told are the causes of which the fleet's own findings speak: the same step of each
	// cluster needs no other.
	told map[transition.Cause]bool
	// places are where people's files differ.
	places places
	// defaults are those of the charts: of a fleet that moves to another chart, each cluster
	// asks for two.
	defaults defaults
}

// Open returns the commit that a change starts from; nil where the repository has
// none. Where it is not in the clone, it is HEAD, with a warning, or with an error where
// nobody has merged the change. Where the run must compare (Options.MustCompare), it is a
// *workspace.SettingError if Options name no commit, and no folder. The caller closes it.
func Open(ctx context.Context, w *workspace.Workspace) (b *Baseline, findings finding.List, err error) {
	if w.AgainstFolder != "" {
		folder, err := history.OpenFolder(w.AgainstFolder, w.Root)
		if err != nil {
			return nil, nil, &workspace.SettingError{Name: "--against-folder", Err: err}
		}
		return compared(ctx, w, folder)
	}
	git, must := w.Git(ctx), w.MustCompare && w.Against != ""
	unknown := finding.Warning
	if w.BeforeMerge {
		unknown = finding.Error // HEAD has the change already: nothing would be refused
	}
	if git.Unread != "" {
		if must {
			return nil, nil, &workspace.SettingError{Name: "--against", Err: errors.New(git.Unread)}
		}
		return nil, finding.List{w.Fleet.Finding(unknown, RuleBaseUnknown, nil,
			"what the change does to clusters that run is not known: "+git.Unread, "Run kasou where git reads the repository.")}, nil
	}
	base, err := git.Base(ctx, history.Start{Against: w.Against, BeforeMerge: w.BeforeMerge, Merge: w.Merge})
	if errors.Is(err, history.ErrNoCommit) {
		if must {
			return nil, nil, &workspace.SettingError{Name: "--against", Err: err}
		}
		findings = finding.List{w.Fleet.Finding(unknown, RuleBaseUnknown, nil,
			"what the whole change does to clusters that run is not known: "+err.Error(), "Fetch more of its history (fetch-depth: 0).")}
		base, err = git.Base(ctx, history.Start{})
	}
	if err != nil || base == nil {
		return nil, findings, err
	}
	b, found, err := compared(ctx, w, base)
	return b, append(findings, found...), err
}

// compared returns the baseline with what differs from it, and what a change of fleet.yaml
// does to all of its clusters. It closes files where that fails.
func compared(ctx context.Context, w *workspace.Workspace, files history.Files) (*Baseline, finding.List, error) {
	b := &Baseline{Workspace: w, tree: files, moved: map[string]bool{}, told: map[transition.Cause]bool{}}
	b.places = places{before: files, now: w.Repository(), fleet: w.Fleet.File, shared: map[string][]string{}}
	names, err := files.Differs(ctx, history.Literal(w.Dir)+"/*/"+layout.Lock, history.Literal(w.Fleet.File))
	var found finding.List
	for _, name := range names {
		if name != w.Fleet.File {
			b.moved[path.Base(path.Dir(name))] = true
		} else {
			found, err = b.hostSteps(ctx)
		}
	}
	var appOfApps []byte
	if err == nil { // one on disk alone deploys nothing
		appOfApps, err = files.File(ctx, path.Join(w.Dir, layout.Bootstrap, layout.AppOfApps))
	}
	if err != nil {
		files.Close()
		return nil, nil, err
	}
	return b, append(found, b.fleetSteps(argocd.Read(appOfApps))...), nil
}

// Close ends git.
func (b *Baseline) Close() {
	if b != nil {
		b.tree.Close()
	}
}

// Steps returns what the way from the committed state of a cluster to the wanted files,
// which p writes, does, and what is to be told of it. Without a commit there is nothing to
// say, and a cluster that the commit does not have comes.
func (b *Baseline) Steps(ctx context.Context, c fleet.Cluster, ch toolchain.Chart, files manifest.Set, p tree.Plan) ([]report.Transition, finding.List, error) {
	comes, err := b.comes(ctx, c, p)
	switch {
	case err != nil:
		return nil, nil, err
	case comes:
		return []report.Transition{{Effect: Comes, Message: fmt.Sprintf("a new cluster: %s %s in the namespace %s", ch.Name, ch.Version, c.Spec.Namespace)}}, unusedOf(c, nil), nil
	case b == nil, p.Empty() && !b.moved[c.Name]:
		return nil, unusedOf(c, nil), nil
	}
	before, there, err := b.before(ctx, c)
	if err != nil || !there {
		return nil, unusedOf(c, nil), err
	}
	after, err := b.after(c, ch, files)
	if err != nil {
		return nil, nil, err
	}
	cause, err := b.places.cause(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	after.SameHost = b.Fleet.Spec.IsHost(c.Spec.Host, before.Host)
	changes := transition.Compare(before, after)
	var steps []report.Transition
	var findings finding.List
	for _, change := range changes {
		steps = append(steps, report.Transition{
			Effect: change.Effect.String(), Change: change.Name, From: change.From, To: change.To, Message: change.Message, Hint: change.Hint,
			Accepted: change.Refused() && accepted(c, change),
		})
		if f, ok := judged(c, change, cause); ok && !b.told[change.About] {
			if at, ofAll := fleetCauses[change.About]; ofAll {
				f = b.Fleet.Finding(f.Severity, f.Rule, at, f.Message, f.Hint)
				f.Cluster = c.Name
			}
			findings = append(findings, f)
		}
	}
	return steps, append(findings, unusedOf(c, changes)...), nil
}

// Comes is the effect of a cluster that the commit does not have.
const Comes = "comes"

// comes reports whether the commit has no lock of the cluster. Where p writes nothing, the
// cluster was built before; only a plan asks the commit then, as for nothing else would it
// have to be asked about each cluster.
func (b *Baseline) comes(ctx context.Context, c fleet.Cluster, p tree.Plan) (bool, error) {
	if b == nil || p.Empty() && !b.OnlyLooks {
		return false, nil
	}
	lock, err := b.tree.File(ctx, b.Paths(c.Name).Lock())
	return err == nil && lock == nil, err
}

// judged returns the finding about a change: an error where it is refused and
// nobody accepted it, a warning for what a person has to know, none for the rest.
func judged(c fleet.Cluster, change transition.Change, cause []string) (finding.Finding, bool) {
	where, known := causes[change.About]
	if !known {
		where = cause
	}
	switch {
	case change.Refused() && !accepted(c, change):
		return c.Finding(finding.Error, RuleRefused, where, change.Message, change.Hint+acceptance(change, "spec.accept")), true
	case change.Refused(), change.Effect <= transition.Restart && change.Effect != transition.Left:
		return c.Finding(finding.Warning, RuleStep, where, change.Message, change.Hint), true
	}
	return finding.Finding{}, false
}

// acceptance returns the sentence of a hint that says how to accept a change, and where.
func acceptance(change transition.Change, where string) string {
	return fmt.Sprintf(" To do it all the same, write {change: %s, from: %s, to: %s} into %s.", quoted(change.Name), quoted(change.From), quoted(change.To), where)
}

// causes are where in a spec a change comes from, where that is known.
var causes = map[transition.Cause][]string{
	transition.ByChart: {"spec", "chart"}, transition.ByNamespace: {"spec", "namespace"}, transition.ByHost: {"spec", "host"},
	transition.ByServer: {"spec", "server"}, transition.ByServiceCIDR: {"spec", "serviceCIDR"}, transition.ByValues: {"spec", "values"}, transition.ByEndpoint: {"spec", "endpoint"},
	transition.ByPodSecurity: {"spec", "podSecurity"}, transition.ByArgoCD: {"spec", "argocd"}, transition.ByRetire: {"spec", "retire"},
}

// fleetCauses are where in fleet.yaml a change comes from.
var fleetCauses = map[transition.Cause][]string{
	transition.ByRepository: {"spec", "repository"}, transition.ByArgoCDNamespace: {"spec", "argocd", "namespace"},
}

// quoted returns a text as YAML has it in a flow mapping: as it is where that reads as the
// same text, and else in quotes.
func quoted(text string) string {
	var read struct{ A any }
	if yaml.Unmarshal([]byte("{a: "+text+"}"), &read) == nil && read.A == text && !strings.ContainsAny(text, "\n\"'\\") {
		return text
	}
	data, err := json.Marshal(text) // JSON's strings are YAML's
	if err != nil {
		return strconv.Quote(text)
	}
	return string(data)
}

// fits reports whether what a spec accepts is exactly the change.
func fits(a fleet.AcceptedChange, change transition.Change) bool {
	return a.Change == change.Name && a.From == change.From && a.To == change.To
}

func accepted(c fleet.Cluster, change transition.Change) bool {
	return slices.ContainsFunc(c.Spec.Accept, func(a fleet.AcceptedChange) bool { return fits(a, change) })
}

// unusedOf is unusedAccepts of a cluster's spec.
func unusedOf(c fleet.Cluster, changes []transition.Change) finding.List {
	return unusedAccepts(c.Spec.Accept, changes, func(at []string, message, hint string) finding.Finding {
		return c.Finding(finding.Warning, RuleUnusedAccept, at, message, hint)
	})
}

// unusedAccepts warns, by say, of what is accepted and is not pending: it would let a later
// change through that nobody looked at.
func unusedAccepts(accept []fleet.AcceptedChange, changes []transition.Change, say func(at []string, message, hint string) finding.Finding) finding.List {
	var findings finding.List
	for i, a := range accept {
		if !slices.ContainsFunc(changes, func(change transition.Change) bool { return fits(a, change) }) {
			findings = append(findings, say([]string{"spec", "accept", fmt.Sprint(i)},
				fmt.Sprintf("spec.accept names a change that is not pending: %s from %s to %s", a.Change, a.From, a.To), "Take it out."))
		}
	}
	return findings
}

// before returns a cluster as the commit has it, and whether it has it.
func (b *Baseline) before(ctx context.Context, c fleet.Cluster) (transition.Side, bool, error) {
	lock, err := b.Lock(ctx, c.Name)
	if err != nil || lock == nil {
		return transition.Side{}, false, err
	}
	files, err := b.committedFiles(ctx, lock, "")
	if err != nil {
		return transition.Side{}, false, err
	}
	s, err := b.side(c.Name, files)
	if err != nil {
		return s, true, err
	}
	ch := b.chartBefore(ctx, c, lock)
	s.Chart = transition.Chart{Name: ch.Name, Version: ch.Version}
	if ch.Archive == nil {
		s.Chart = transition.ChartOf(s.Objects)
	}
	s.Chart.Repository, s.Chart.Digest = chart.Place(lock.Chart.Repository), lock.Chart.Digest
	s.Values, s.ServiceCIDR = b.defaults.below(ch, files[b.Paths(c.Name).Values()].Bytes)
	// Without a signed statement nobody knows of which server the credential is.
	s.Server = lock.Sealed[b.Inside(b.Paths(c.Name).Registration())].Server
	s.Registered = s.Registered && s.Server != ""
	return s, true, nil
}

// Lock returns the lock of a cluster; nil where there is none that this kasou reads.
func (b *Baseline) Lock(ctx context.Context, cluster string) (*lockfile.Lock, error) {
	if b == nil {
		return nil, nil
	}
	text, err := b.tree.File(ctx, b.Paths(cluster).Lock())
	if err != nil || text == nil {
		return nil, err
	}
	lock, err := lockfile.Parse(text)
	if err != nil {
		return nil, nil // another kasou's: it says nothing to this one
	}
	return lock, nil
}

// committedFiles returns the files of the same commit that a lock lists below a folder,
// from the clusters folder; all where that is empty.
func (b *Baseline) committedFiles(ctx context.Context, lock *lockfile.Lock, below string) (manifest.Set, error) {
	files := manifest.Set{}
	for name := range lock.Files {
		// A committed lock may have been edited: git would end at such a name.
		if !strings.HasPrefix(name, below) || !fs.ValidPath(name) || strings.Contains(name, "\n") {
			continue
		}
		file := path.Join(b.Dir, name)
		data, err := b.tree.File(ctx, file)
		if err != nil {
			return nil, err
		}
		if data != nil {
			files.Add(manifest.Other, file, data)
		}
	}
	return files, nil
}

// chartBefore returns the chart that a lock pins; empty where it is not at hand.
func (b *Baseline) chartBefore(ctx context.Context, c fleet.Cluster, lock *lockfile.Lock) toolchain.Chart {
	c.Spec.Chart = &fleet.Chart{Repository: lock.Chart.Repository, Name: lock.Chart.Name, Version: lock.Chart.Version}
	if lock.Chart.Path != "" {
		c.Spec.Chart = &fleet.Chart{Path: lock.Chart.Path}
	}
	ch, _, found, err := b.Charts.Fetch(ctx, c, &lock.Chart)
	if err != nil || found.Failed() {
		return toolchain.Chart{}
	}
	return ch
}

// after returns a cluster as it is wanted.
func (b *Baseline) after(c fleet.Cluster, ch toolchain.Chart, files manifest.Set) (transition.Side, error) {
	s, err := b.side(c.Name, files)
	s.Chart = transition.Chart{Name: ch.Name, Version: ch.Version, Repository: chart.Place(c.Spec.Chart.Repository), Digest: ch.Digest}
	s.Server = c.Spec.Server
	s.Values, s.ServiceCIDR = b.defaults.below(ch, files[b.Paths(c.Name).Values()].Bytes)
	return s, err
}

// side reads what the generated files say.
func (b *Baseline) side(cluster string, files manifest.Set) (transition.Side, error) {
	s := transition.Side{Name: cluster}
	application := b.Paths(cluster).Application()
	for _, name := range files.Paths() {
		switch {
		case name == application:
			a := argocd.Read(files[name].Bytes)
			s.Host, s.Namespace = a.Host, a.Namespace
			s.Application = transition.Application{Namespace: a.In, Project: a.Project, Source: a.Source.String(), Cascade: a.Cascade, Guarded: a.Guarded, Automated: a.Automated}
		case name == b.Paths(cluster).Registration():
			s.Registered = true
		case strings.HasPrefix(name, b.Paths(cluster).Manifest()+"/"):
			for _, d := range files[name].Documents {
				if d.Err != nil {
					return s, fmt.Errorf("%s: %w", name, d.Err)
				}
				for _, o := range manifest.Items(d.Object) {
					s.Objects = append(s.Objects, o)
				}
			}
		}
	}
	return s, nil
}

// Distro returns the distro that is committed; empty where the cluster does not
// run yet.
func (b *Baseline) Distro(ctx context.Context, cluster string) (string, error) {
	lock, err := b.Lock(ctx, cluster)
	if err != nil || lock == nil {
		return "", err
	}
	files, err := b.committedFiles(ctx, lock, path.Join(cluster, layout.Manifests)+"/")
	if err != nil {
		return "", err
	}
	side, err := b.side(cluster, files)
	side.Chart = transition.Chart{Name: lock.Chart.Name, Version: lock.Chart.Version}
	return transition.Distro(side), err
}

// Version returns the chart's version that is committed, or that of the spec
// where none is.
func (b *Baseline) Version(ctx context.Context, c fleet.Cluster) (string, error) {
	lock, err := b.Lock(ctx, c.Name)
	if err != nil || lock == nil || lock.Chart.Version == "" {
		return c.Spec.Chart.Version, err
	}
	return lock.Chart.Version, nil
}
