package pin

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// RuleEditorSchema: a chart says of its values what no schema for editors can be made of.
const RuleEditorSchema finding.Rule = "lock-editor-schema"

// inUse are the charts of a fleet, by the names of their clusters.
type inUse struct {
	mu sync.Mutex
	of map[string]toolchain.Chart
}

func (c *inUse) put(cluster string, ch toolchain.Chart) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]toolchain.Chart{}
	}
	c.of[cluster] = ch
}

// editorSchemas writes a JSON schema for each chart in use beside fleet.yaml, so that an
// editor knows the values of the pinned chart, and names it in the modelines of the specs
// that have one. A schema that no cluster needs any more is taken away by a run on all.
func editorSchemas(ctx context.Context, w *workspace.Workspace, out *report.Report, charts *inUse) error {
	files := charts.files()
	wanted := map[string]bool{}
	done := map[string]bool{}
	for _, cluster := range slices.Sorted(maps.Keys(charts.of)) {
		ch := charts.of[cluster]
		file := files[ch.Digest]
		if done[file] {
			wanted[file] = true
			continue
		}
		done[file] = true
		data, err := schemaFor(ch)
		if err != nil {
			c, _ := w.Fleet.Cluster(cluster)
			out.Findings = append(out.Findings, c.Finding(finding.Warning, RuleEditorSchema, []string{"spec", "chart"},
				"editors get no schema of the chart's values: "+err.Error(), "Use another version of the chart, or do without."))
			delete(files, ch.Digest)
			continue
		}
		wanted[file] = true
		if err := writeSchema(ctx, w, out, file, data); err != nil {
			return err
		}
	}
	if w.WholeFleet() && w.Shard.Count < 2 && len(charts.of) == len(w.Clusters) {
		if err := dropSchemas(ctx, w, out, wanted); err != nil {
			return err
		}
	}
	return modelines(ctx, w, out, charts, files)
}

// files returns the name of the schema's file for each chart, by its digest. Of charts
// that share a name and a version, those after the first have the digest in theirs.
func (c *inUse) files() map[string]string {
	byDigest := map[string]toolchain.Chart{}
	for _, ch := range c.of {
		byDigest[ch.Digest] = ch
	}
	files, taken := map[string]string{}, map[string]bool{}
	for _, digest := range slices.Sorted(maps.Keys(byDigest)) {
		ch := byDigest[digest]
		file := fleet.SpecSchemaFileFor(ch.Name, ch.Version)
		if taken[file] {
			const short = 8
			hex := strings.TrimPrefix(digest, "sha256:")
			file = fleet.SpecSchemaFileFor(ch.Name, ch.Version+"-"+hex[:min(short, len(hex))])
		}
		files[digest], taken[file] = file, true
	}
	return files
}

func schemaFor(ch toolchain.Chart) ([]byte, error) {
	values, err := chart.ValuesSchema(ch, fleet.ValuesSchemaBase())
	if err != nil {
		return nil, err
	}
	return fleet.SpecSchemaFor(ch.Digest, values)
}

// writeSchema writes a schema where it is another than what stands there, and nobody
// else wrote that.
func writeSchema(ctx context.Context, w *workspace.Workspace, out *report.Report, file string, data []byte) error {
	at := path.Join(w.Dir, file)
	old := w.Committed(at)
	if bytes.Equal(old, data) {
		return nil
	}
	if old != nil && !fleet.IsSpecSchemaFor(old) {
		out.Findings = append(out.Findings, finding.Finding{File: at, Rule: RuleEditorSchema, Severity: finding.Warning,
			Message: "kasou lock would write this file, and did not write the one that is there", Hint: "Move it away, and run kasou lock."})
		return nil
	}
	return w.WriteFleet(ctx, out, tree.Rewrite(at, old, data), w.Diff)
}

// dropSchemas takes away what an earlier run wrote for charts that are used no longer.
func dropSchemas(ctx context.Context, w *workspace.Workspace, out *report.Report, wanted map[string]bool) error {
	entries, err := os.ReadDir(filepath.Join(w.Root, filepath.FromSlash(w.Dir)))
	if err != nil {
		return fmt.Errorf("list the clusters folder: %w", err)
	}
	for _, e := range entries {
		at := path.Join(w.Dir, e.Name())
		if wanted[e.Name()] || !e.Type().IsRegular() || !fleet.IsSpecSchemaName(e.Name()) {
			continue
		}
		if old := w.Committed(at); fleet.IsSpecSchemaFor(old) {
			if err := w.WriteFleet(ctx, out, tree.Rewrite(at, old, nil), w.Diff); err != nil {
				return err
			}
		}
	}
	return nil
}

// modelines names each cluster's schema in its spec.yaml, where kasou's modeline stands,
// and enters the change among the cluster's own.
func modelines(ctx context.Context, w *workspace.Workspace, out *report.Report, charts *inUse, files map[string]string) error {
	for i := range out.Clusters {
		entry := &out.Clusters[i]
		c, known := w.Fleet.Cluster(entry.Name)
		file, made := files[charts.of[entry.Name].Digest]
		if !known || !made {
			continue
		}
		old := w.Committed(c.File)
		text := fleet.WithModeline(old, file)
		if bytes.Equal(old, text) {
			continue
		}
		plan := tree.Rewrite(c.File, old, text)
		if !w.DryRun {
			if err := tree.Apply(ctx, w.Disk, plan); err != nil {
				return err
			}
		}
		entry.Changes = append(entry.Changes, workspace.Changes(plan)...)
		if w.Diff {
			entry.Diff += modelineDiff(plan, w.FullDiff, w.Difference(plan), file)
		}
		if entry.Status == report.Unchanged {
			entry.Status = report.Changed
		}
	}
	return nil
}

// modelineDiff shows a change of a comment, which no difference by meaning has.
func modelineDiff(p tree.Plan, full bool, text, file string) string {
	if full {
		return text
	}
	return p.Changes[0].Path + "\n! its modeline names ../" + file + "\n"
}
