package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/publish"
	"kasou/pipelines/report"
	"kasou/pipelines/tracker"
)

// proposer keeps the branches and pull requests of the hops.
type proposer struct {
	*ciCommand
	session *session
	publish *publish.Publisher
	pulls   *tracker.Pulls
	// prefix is that of the branches' names.
	prefix string
	// texts are those that findings point into: they are in no working copy that
	// stays.
	texts map[string][]byte
}

// proposeUpgrades builds the open hop of each ring on a branch of its own and keeps a
// pull request for each. Without leave to publish it says which hops there are.
func (c *ciCommand) proposeUpgrades(cmd *cobra.Command, s *session, mode string) error {
	s.options.BeforeMerge, s.options.Against, s.options.Diff = true, "HEAD", false
	if mode != "commit" {
		s.options.DryRun = true
		return s.run(cmd, "upgrading", with(pipelines.Upgrade, pipelines.UpgradeOptions{Live: c.drift.live}))
	}
	p := &proposer{ciCommand: c, session: s, texts: map[string][]byte{}, prefix: "kasou/upgrade/" + report.PlainName(s.dir) + "/"}
	o, err := apiOptions(s, "ci upgrade", "contents: write and pull-requests: write")
	if err != nil {
		return err
	}
	if p.pulls, err = tracker.NewPulls(o); err != nil {
		return usageError{err}
	}
	if p.publish, err = c.publisher(cmd.Context(), s); err != nil {
		return err
	}
	return s.run(cmd, "upgrading", p.all)
}

// upgradeContradiction says which of the flags do not go together with upgrade.
func (c *ciCommand) upgradeContradiction(publish string) error {
	switch {
	case publish == "fail":
		return usagef("upgrade opens pull requests, and fails for none: use --publish commit or none")
	case c.shard != "":
		return usagef("a ring's pull request is of the whole ring: leave out --shard")
	}
	return nil
}

// all proposes the hop of each ring, and takes back those of rings that are no more.
func (p *proposer) all(ctx context.Context, o pipelines.Options) (*report.Report, error) {
	out := &report.Report{Command: "upgrade", Text: func(file string) []byte { return p.texts[file] }}
	f, found, err := fleet.Load(o.Root, o.Dir, fleet.SharedAlone())
	if err != nil || found.Failed() {
		out.Findings = found
		return out, err
	}
	rings := fleet.RingNames(f.Spec.Rings)
	if len(rings) == 0 {
		rings = []string{""}
	}
	known := map[string]bool{}
	for _, ring := range rings {
		known[p.branch(ring)] = true
		seen, err := p.ring(ctx, o, ring)
		if err != nil && !noted(out, err) {
			return nil, err
		}
		if seen != nil {
			join(out, seen)
		}
	}
	if err := p.takeBack(ctx, known); err != nil && !noted(out, err) {
		return nil, err
	}
	out.Findings.Sort()
	return out, ctx.Err()
}

func (p *proposer) branch(ring string) string {
	if ring == "" {
		return p.prefix + "all"
	}
	return p.prefix + ring
}

// noted enters what GitHub or git refused into the report: it must not hide the other
// rings. It reports whether the error was one of those.
func noted(out *report.Report, err error) bool {
	var onGitHub *tracker.Error
	var onServer *publish.Error
	if !errors.As(err, &onGitHub) && !errors.As(err, &onServer) {
		return false
	}
	out.Unfinished = append(out.Unfinished, report.Unfinished{Message: err.Error()})
	return true
}

// join adds what one ring's report has to that of all.
func join(out, one *report.Report) {
	out.Upgrades = append(out.Upgrades, one.Upgrades...)
	out.Clusters = append(out.Clusters, one.Clusters...)
	out.Unfinished = append(out.Unfinished, one.Unfinished...)
	for _, f := range one.Findings {
		if !slices.Contains(out.Findings, f) {
			out.Findings = append(out.Findings, f)
		}
	}
}

// takeBack closes the pull requests of branches that belong to no ring any more.
func (p *proposer) takeBack(ctx context.Context, known map[string]bool) error {
	branches, err := p.publish.Branches(ctx, p.prefix)
	if err != nil {
		return err
	}
	for _, name := range branches {
		if known[name] {
			continue
		}
		b, err := p.publish.Propose(ctx, name)
		if err == nil {
			err = p.close(ctx, b, "The fleet has no such ring any more: "+runURL(p.env.Getenv))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ring proposes one ring's hop. The report has what was found, also where it comes
// with an error.
func (p *proposer) ring(ctx context.Context, o pipelines.Options, ring string) (*report.Report, error) {
	b, err := p.publish.Propose(ctx, p.branch(ring))
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "kasou-upgrade-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	if temp, err = filepath.EvalSymlinks(temp); err != nil {
		return nil, err
	}
	h := &hop{proposer: p, ring: ring, branch: b, options: o, temp: temp, except: map[string]string{}}
	seen, err := h.build(ctx)
	if err == nil {
		h.keepTexts(seen)
	}
	if err != nil || seen.Failed() || len(seen.Unfinished) > 0 {
		return seen, err // what is unknown opens and closes nothing
	}
	if len(moving(seen)) == 0 {
		return seen, p.close(ctx, b, report.Stale(seen, runURL(p.env.Getenv)))
	}
	message := publish.Message{Title: report.ProposalTitle(seen, ring), Tools: seen.Tools}
	for _, u := range seen.Upgrades {
		if u.To != "" {
			message.Changes = append(message.Changes, publish.Change{Cluster: u.Cluster, Reasons: []report.Reason{{Cause: report.ChartChanged, From: u.From, To: u.To}}})
		}
	}
	pushed, err := b.Push(ctx, h.dir, message)
	if err != nil {
		return seen, err
	}
	if pushed {
		fmt.Fprintf(p.env.Stderr, "kasou: pushed the branch %s\n", b.Name)
	}
	result, err := p.pulls.Open(ctx, tracker.Pull{
		Branch: b.Name, Base: p.publish.Branch, Run: runURL(p.env.Getenv), Title: message.Title,
		Body: report.Proposal(seen, report.Options{Source: func(file string) ([]byte, error) { return readBelow(h.dir, file) }}, tracker.Room),
	})
	p.env.say("pull request", result)
	return seen, err
}

// close closes the pull request of a branch, and deletes the branch. A person's branch
// stays, and so does its pull request.
func (p *proposer) close(ctx context.Context, b *publish.Proposal, why string) error {
	if b.Foreign != "" {
		return nil
	}
	result, err := p.pulls.Close(ctx, b.Name, why)
	p.env.say("pull request", result)
	if err != nil {
		return err
	}
	return b.Delete(ctx)
}

// hop is one ring's hop, built in a working copy of its own.
type hop struct {
	*proposer
	ring    string
	branch  *publish.Proposal
	options pipelines.Options
	// temp has the working copies; dir is the one that was built last.
	temp, dir string
	copies    int
	// except are clusters whose hop the build refused, and why.
	except map[string]string
}

// build makes the hop and builds it: on top of what the branch has, where that is of
// the same hop, so that what is sealed there stays as it is; else on what is checked
// out. A cluster whose step a person has to accept first stays behind, and holds up no
// other.
func (h *hop) build(ctx context.Context) (*report.Report, error) {
	for {
		dir, err := h.copy(ctx)
		if err != nil {
			return nil, err
		}
		h.dir = dir
		wanted, err := h.upgrade(ctx, dir, h.drift.live)
		if err != nil || len(moving(wanted)) == 0 {
			return wanted, err
		}
		over, err := h.overlaid(ctx, wanted)
		if err != nil {
			return nil, err
		}
		h.dir = cmp.Or(over, dir)
		built, err := pipelines.Build(ctx, h.in(h.dir))
		if err != nil {
			return nil, err
		}
		why := refused(wanted, built)
		if len(why) == 0 {
			return proposed(wanted, built), nil
		}
		maps.Copy(h.except, why)
	}
}

// copy makes a working copy of what is checked out.
func (h *hop) copy(ctx context.Context) (string, error) {
	h.copies++
	dir := filepath.Join(h.temp, fmt.Sprint(h.copies))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	return dir, h.publish.Copy(ctx, dir)
}

func (h *hop) upgrade(ctx context.Context, dir string, live bool) (*report.Report, error) {
	return pipelines.Upgrade(ctx, h.in(dir), pipelines.UpgradeOptions{Ring: h.ring, Patient: true, Live: live, Except: h.except})
}

// overlaid returns a working copy with what the branch has, and the hop on top of it;
// empty where the branch is of another hop.
func (h *hop) overlaid(ctx context.Context, wanted *report.Report) (string, error) {
	dir, err := h.copy(ctx)
	if err != nil {
		return "", err
	}
	paths, err := h.branch.Overlay(ctx, dir)
	if err != nil || !h.same(wanted, paths) {
		return "", err
	}
	seen, err := h.upgrade(ctx, dir, false)
	if err != nil || seen.Failed() {
		return "", err
	}
	next := map[string]string{}
	for _, u := range seen.Upgrades {
		if len(u.Way) > 0 {
			next[u.Cluster] = u.Way[0]
		}
	}
	for _, u := range wanted.Upgrades {
		if u.To != "" && next[u.Cluster] != u.To {
			return "", nil
		}
	}
	return dir, nil
}

// in returns the options of a run in a working copy of the hop's.
func (h *hop) in(dir string) pipelines.Options {
	o := h.options
	o.Root, o.Charts = dir, chart.NewStore(dir, chart.WithCache(o.Cache))
	o.NoCache = true // what is known of a folder is kept by its path
	return o
}

// keepTexts keeps the texts that findings point into.
func (h *hop) keepTexts(r *report.Report) {
	for _, f := range r.Findings {
		if data, err := readBelow(h.dir, f.File); err == nil && f.File != "" {
			h.texts[f.File] = data
		}
	}
}

// same reports whether what the branch has is of the hop that is wanted: the same
// files of people, and generated ones of no other cluster.
func (h *hop) same(wanted *report.Report, paths []string) bool {
	moves := moving(wanted)
	edited := map[string]bool{}
	for _, c := range wanted.Fleet {
		edited[c.Path] = true
	}
	dir := h.session.dir + "/"
	for _, file := range paths {
		name, inDir := strings.CutPrefix(file, dir)
		folder, rest, nested := strings.Cut(name, "/")
		person := name == layout.Fleet || nested && rest == layout.Spec
		switch {
		case !inDir:
			return false
		case person:
			if !edited[file] {
				return false
			}
			delete(edited, file)
		case nested && folder == layout.Root:
			if cluster, _, _ := strings.Cut(rest, "."); !moves[cluster] {
				return false
			}
		case nested && folder != layout.Bootstrap:
			if !moves[folder] {
				return false
			}
		}
	}
	return len(edited) == 0
}

// moving returns the clusters that make a hop.
func moving(r *report.Report) map[string]bool {
	names := map[string]bool{}
	for _, u := range r.Upgrades {
		if u.To != "" {
			names[u.Cluster] = true
		}
	}
	return names
}

// refused returns why the build does not take the hop of some clusters.
func refused(wanted, built *report.Report) map[string]string {
	moves, why := moving(wanted), map[string]string{}
	for _, f := range built.Findings {
		if f.Severity == finding.Error && moves[f.Cluster] && why[f.Cluster] == "" {
			why[f.Cluster] = f.Message
		}
	}
	return why
}

// proposed returns the report of a hop that was built.
func proposed(wanted, built *report.Report) *report.Report {
	out := *wanted
	out.Fleet, out.FleetDiff = nil, ""
	out.Unfinished = append(slices.Clone(wanted.Unfinished), built.Unfinished...)
	moves := moving(wanted)
	for _, c := range built.Clusters {
		if moves[c.Name] {
			out.Clusters = append(out.Clusters, c)
		}
	}
	for _, f := range built.Findings {
		if moves[f.Cluster] || f.Cluster == "" || f.Severity == finding.Error {
			out.Findings = append(out.Findings, f)
		}
	}
	return &out
}
