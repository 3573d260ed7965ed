package pipelines

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"kasou/pipelines/cluster"
	"kasou/pipelines/finding"
	"kasou/pipelines/handover"
	"kasou/pipelines/history"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// JoinError says why parts are not the shards of one build.
type JoinError struct{ Err error }

func (e *JoinError) Error() string { return "the shards cannot be joined: " + e.Err.Error() }
func (e *JoinError) Unwrap() error { return e.Err }

// HandOver writes, for Join, what the build of one shard left on disk: r is that build's
// report. program is kasou's own version.
func HandOver(ctx context.Context, o Options, r *report.Report, program string, to io.Writer) error {
	commit, err := headOf(history.Open(ctx, o.Root))
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	tools := maps.Clone(r.Tools)
	tools["kasou"], tools["toolchain"] = program, o.Toolchain.Name()
	part := handover.Part{Commit: commit, Shard: o.Shard.Index, Shards: o.Shard.Count, Tools: tools}
	for _, c := range r.Clusters {
		if c.Status == report.Removed {
			continue // the run that joins takes it away itself
		}
		one, err := handedOver(root, o.Dir, c)
		if err != nil {
			return err
		}
		part.Clusters = append(part.Clusters, one)
	}
	slices.SortFunc(part.Clusters, func(a, b handover.Cluster) int { return strings.Compare(a.Name, b.Name) })
	return handover.Write(to, o.Dir, part)
}

// handedOver returns a cluster with its files, where they changed.
func handedOver(root *os.Root, dir string, c report.Cluster) (handover.Cluster, error) {
	out := handover.Cluster{Name: c.Name, Claims: c.Claims}
	changed := len(c.Changes) > 0
	c.Diff, c.Changes = "", nil
	var err error
	if out.About, err = json.Marshal(c); err != nil || !changed {
		return out, err
	}
	if out.Lock, err = root.ReadFile(filepath.FromSlash(layout.Of(dir, c.Name).Lock())); err != nil {
		return out, err
	}
	lock, err := lockfile.Parse(out.Lock)
	if err != nil {
		return out, err
	}
	out.Files = manifest.Files{}
	for name := range lock.Files {
		file := path.Join(dir, name)
		if out.Files[file], err = root.ReadFile(filepath.FromSlash(file)); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Join writes what the shards of one build left, in place of building it: each cluster as
// its shard built and validated it, held to its lock; then what is one for all. It
// reports like Build. Parts that are not the shards of the commit checked out, built by
// this program, are a *JoinError, and nothing is written.
func Join(ctx context.Context, o Options, parts []handover.Part, program string) (*report.Report, error) {
	o.NoCache = true
	return buildBy(ctx, o, func(ctx context.Context, w *workspace.Workspace) (writer, error) {
		clusters, err := joined(ctx, w, parts, program)
		return func(ctx context.Context, b *cluster.Builder, out *report.Report) error {
			for _, c := range clusters {
				b.Claim(c.Name, c.Claims)
			}
			out.Findings = append(out.Findings, b.TwiceClaimed()...)
			return place(ctx, w, out, clusters)
		}, err
	})
}

// headOf returns the commit that is checked out.
func headOf(git history.Repository) (string, error) {
	if git.Head() == "" {
		return "", fmt.Errorf("which commit is checked out is not known: %s", cmp.Or(git.Unread, "git has none here"))
	}
	return git.Head(), nil
}

// joined returns the clusters of all parts.
func joined(ctx context.Context, w *workspace.Workspace, parts []handover.Part, program string) ([]handover.Cluster, error) {
	commit, err := headOf(w.Git(ctx))
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if p.Tools["kasou"] != program {
			return nil, &JoinError{fmt.Errorf("the shard %d/%d was built by kasou %s, and this is %s", p.Shard, p.Shards, p.Tools["kasou"], program)}
		}
	}
	clusters, err := handover.Together(parts, commit, w.Fleet.Names())
	if err != nil {
		return nil, &JoinError{err}
	}
	return clusters, nil
}

// place writes the clusters that changed, and reports all.
func place(ctx context.Context, w *workspace.Workspace, out *report.Report, clusters []handover.Cluster) error {
	for some := range slices.Chunk(clusters, cluster.BatchSize) {
		entries := make([]report.Cluster, len(some))
		var plans []tree.Plan
		var of []int
		for i, c := range some {
			if err := json.Unmarshal(c.About, &entries[i]); err != nil || entries[i].Name != c.Name {
				return &JoinError{fmt.Errorf("what is said of %s cannot be read", c.Name)}
			}
			entries[i].Changes = nil
			if c.Lock == nil {
				continue
			}
			plan, found, err := planned(ctx, w, c)
			if err != nil {
				return err
			}
			out.Findings = append(out.Findings, found...)
			if found.Failed() {
				entries[i].Status = report.Failed
				continue
			}
			entries[i].Changes = workspace.Changes(plan)
			plans, of = append(plans, plan), append(of, i)
		}
		if !w.DryRun {
			for i, err := range tree.WriteAll(ctx, w.Disk, plans) {
				if err != nil {
					entries[of[i]].Status = report.Failed
				}
				workspace.Unfinished(out, entries[of[i]].Name, err)
			}
		}
		out.Clusters = append(out.Clusters, entries...)
	}
	return nil
}

// planned plans for the files of one cluster as its shard left them.
func planned(ctx context.Context, w *workspace.Workspace, c handover.Cluster) (tree.Plan, finding.List, error) {
	lock, err := lockfile.Parse(c.Lock)
	if err != nil {
		return tree.Plan{}, nil, err
	}
	return tree.Compare(ctx, w.Disk, tree.Wanted{Cluster: c.Name, Files: c.Files, Lock: *lock})
}
