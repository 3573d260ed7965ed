package pipelines_test

import (
	"bytes"
	"context"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/drift"
	"kasou/pipelines/finding"
	"kasou/pipelines/handover"
	"kasou/pipelines/policy"
	"kasou/pipelines/report"
	"kasou/pipelines/workspace"
)

// Each shard sees its own clusters; what two of them bring in different shards, the run that
// joins them sees, whether they were built or left as they are, and so do drift and a check of
// either.
func TestAnObjectOfTwoShards(t *testing.T) {
	repo, builder, _, _ := signed(t)
	first := workspace.Shard{Index: 1, Count: 2}
	claimed := map[bool]string{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		claimed[first.Has(name)] = name
	}
	if len(claimed) != 2 {
		t.Fatal("all names are of one shard")
	}
	for _, name := range claimed {
		repo.Cluster(t, name, "  chart: {path: charts/c}\n  allow: [{kind: ConfigMap, namespace: monitoring}]\n")
		repo.Write(t, "clusters/"+name+"/extra/a.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: monitoring}\n"))
	}
	one := builder
	one.Names = []string{claimed[true]}
	fleettest.MustPass(t, pipe(t, pipelines.Build, one), nil)
	repo.Commit(t)
	var parts []handover.Part
	for i := range 2 {
		shard := builder
		shard.Shard = workspace.Shard{Index: i + 1, Count: 2}
		r := pipe(t, pipelines.Build, shard)
		fleettest.MustPass(t, r, nil)
		var file bytes.Buffer
		if err := pipelines.HandOver(context.Background(), shard, r, "v0", &file); err != nil {
			t.Fatal(err)
		}
		part, err := handover.Read(&file, "clusters")
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	join := func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
		return pipelines.Join(ctx, o, parts, "v0")
	}
	found(t, pipe(t, join, builder), policy.RuleTwice, finding.Error)
	look := func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
		return pipelines.Drift(ctx, o, drift.Options{})
	}
	found(t, pipe(t, look, builder), policy.RuleTwice, finding.Error)

	// A pull request is checked in shards that nobody joins.
	for i := range 2 {
		shard := builder
		shard.Shard = workspace.Shard{Index: i + 1, Count: 2}
		found(t, pipe(t, pipelines.Check, shard), policy.RuleTwice, finding.Error)
	}
	other := builder
	other.Names = []string{"one"}
	fleettest.MustPass(t, pipe(t, pipelines.Check, other), nil)
	repo.Write(t, "clusters/"+claimed[false]+"/extra/a.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: monitoring}\n"))
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	for i := range 2 {
		shard := builder
		shard.Shard = workspace.Shard{Index: i + 1, Count: 2}
		fleettest.MustPass(t, pipe(t, pipelines.Check, shard), nil)
	}
}
