package tree_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/tree"
)

func TestRetire(t *testing.T) {
	for name, test := range map[string]struct {
		extra  map[string]string
		leaves []string
		rules  []finding.Rule
	}{
		"plain": {},
		"own files stay": {
			extra:  map[string]string{"clusters/dev/notes.md": "x", "clusters/dev/manifests/mine.yaml": "x", "clusters/root/other.yaml": "x"},
			leaves: []string{"clusters/dev/manifests/mine.yaml", "clusters/dev/notes.md", "clusters/root/other.yaml"},
			rules:  []finding.Rule{tree.RuleLeftover},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := treetest.Repo(t, test.extra)
			treetest.Build(t, root, treetest.Generation("a"))
			treetest.Remove(t, root, "clusters/dev/spec.yaml")
			plan, findings, err := tree.Retire(t.Context(), treetest.At(t, root), "dev")
			if err != nil || findings.Failed() || !plan.Removes() {
				t.Fatal(findings, err)
			}
			if diff := cmp.Diff(test.rules, rules(findings)); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			if got := rules(plan.Findings()); len(got) != 1 || got[0] != tree.RuleRetired {
				t.Errorf("a check says %v", got)
			}
			if err := tree.Apply(t.Context(), treetest.At(t, root), plan); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.leaves, slices.Sorted(maps.Keys(treetest.Snapshot(t, root)))); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			if _, err := os.Stat(filepath.Join(root, "clusters/dev")); (err == nil) != (len(test.leaves) > 0) {
				t.Errorf("the cluster's folder: %v", err)
			}
		})
	}
}

// An edited file of a cluster that goes is a person's to keep or to delete.
func TestRetireDeletesNothingThatWasEdited(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	treetest.Remove(t, root, "clusters/dev/spec.yaml")
	treetest.Put(t, root, "clusters/dev/values.yaml", "edited\n")
	_, findings, err := tree.Retire(t.Context(), treetest.At(t, root), "dev")
	if err != nil || len(findings) != 1 || findings[0].Rule != tree.RuleNotDeleted || findings[0].File != "clusters/dev/values.yaml" || !findings.Failed() {
		t.Errorf("%v, %v", findings, err)
	}
}

func TestRetireRefusesALiveCluster(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	if plan, _, err := tree.Retire(t.Context(), treetest.At(t, root), "dev"); err == nil || !plan.Empty() {
		t.Errorf("plan %v, error %v", treetest.Causes(plan), err)
	}
}

func TestRetireStopsAtALink(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	treetest.Remove(t, root, "clusters/dev/spec.yaml")
	treetest.Remove(t, root, "clusters/dev/values.yaml")
	if err := os.Symlink("../fleet.yaml", filepath.Join(root, "clusters/dev/values.yaml")); err != nil {
		t.Fatal(err)
	}
	_, findings, err := tree.Retire(t.Context(), treetest.At(t, root), "dev")
	if err != nil || !findings.Failed() || findings[0].Rule != tree.RuleSymlink {
		t.Errorf("%v, %v", findings, err)
	}
}

func TestOrphans(t *testing.T) {
	stamped := func(cluster string) string {
		return string(tree.Stamp("clusters/"+cluster+"/spec.yaml", []byte("kind: Application\n")))
	}
	root := treetest.Repo(t, map[string]string{
		"clusters/root/dev.yaml":           stamped("dev"),
		"clusters/root/gone.yaml":          stamped("gone"),
		"clusters/root/known.yaml":         stamped("known"),
		"clusters/root/gone.cluster.yaml":  stamped("gone"),
		"clusters/root/edited.yaml":        stamped("edited") + "# mine\n",
		"clusters/root/copied.yaml":        stamped("gone"),
		"clusters/root/kustomization.yaml": "resources: []\n",
		"clusters/root/README.md":          "x",
	})
	if err := os.Symlink("gone.yaml", filepath.Join(root, "clusters/root/link.yaml")); err != nil {
		t.Fatal(err)
	}
	plans, findings, err := tree.Orphans(treetest.At(t, root), func(cluster string) bool { return cluster == "known" })
	if err != nil || len(plans) != 1 || plans[0].Cluster != "gone" {
		t.Fatal(plans, findings, err)
	}
	want := map[string]string{"clusters/root/gone.yaml": "delete: orphaned", "clusters/root/gone.cluster.yaml": "delete: orphaned"}
	if diff := cmp.Diff(want, treetest.Causes(plans[0])); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if len(findings) != 1 || findings[0].Rule != tree.RuleOrphanEdited || findings[0].File != "clusters/root/edited.yaml" {
		t.Errorf("findings %v", findings)
	}
	before := treetest.Snapshot(t, root)
	if err := tree.Apply(t.Context(), treetest.At(t, root), plans[0]); err != nil {
		t.Fatal(err)
	}
	delete(before, "clusters/root/gone.yaml")
	delete(before, "clusters/root/gone.cluster.yaml")
	if diff := cmp.Diff(before, treetest.Snapshot(t, root)); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
}

func TestGuardPrune(t *testing.T) {
	removal := func(name string) tree.Plan {
		return tree.Plan{Cluster: name, Changes: []tree.Change{{Cause: tree.Retired, Kind: tree.KindDelete, Old: []byte{}}}}
	}
	one := []tree.Plan{removal("b"), {Cluster: "x", Changes: []tree.Change{{Cause: tree.Unwanted, Kind: tree.KindDelete, Old: []byte{}}}}}
	two := slices.Concat(one, []tree.Plan{removal("a")})
	for name, test := range map[string]struct {
		plans []tree.Plan
		allow bool
		want  string
	}{
		"none":        {plans: nil},
		"one":         {plans: one},
		"two":         {plans: two, want: "would remove 2 clusters: a, b"},
		"two allowed": {plans: two, allow: true},
	} {
		got := tree.GuardPrune(test.plans, test.allow)
		if (len(got) > 0) != (test.want != "") || len(got) > 0 && !strings.Contains(got[0].Message, test.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFleetLock(t *testing.T) {
	root := treetest.Repo(t, nil)
	first := lockfile.FleetLock{Tools: map[string]string{"kubeseal": "v0.36.6", "helm": "v3.22.0"}, Schemas: map[string]string{"kubernetes": "1.34.1"}}
	second := lockfile.FleetLock{Tools: map[string]string{"helm": "v3.23.0"}}
	for _, test := range []struct {
		name  string
		lock  lockfile.FleetLock
		cause tree.Cause
		edit  string
	}{
		{"new", first, tree.New, ""},
		{"upgraded", second, tree.Stale, ""},
		{"edited", second, tree.HandEdit, "# Written by kasou. Do not edit.\napiVersion: kasou/v1\nkind: FleetLock\ntools: {helm: v1}\n"},
	} {
		if test.edit != "" {
			treetest.Put(t, root, "clusters/fleet.lock.yaml", test.edit)
		}
		plan, findings, err := tree.CompareFleet(treetest.At(t, root), test.lock, nil)
		if err != nil || len(findings) > 0 || len(plan.Changes) != 1 || plan.Changes[0].Cause != test.cause {
			t.Fatalf("%s: %v, %v, %v", test.name, treetest.Causes(plan), findings, err)
		}
		if err := tree.Apply(t.Context(), treetest.At(t, root), plan); err != nil {
			t.Fatal(err)
		}
		data := []byte(treetest.Snapshot(t, root)["clusters/fleet.lock.yaml"])
		got, err := lockfile.ParseFleet(data)
		if err != nil || cmp.Diff(test.lock.Tools, got.Tools) != "" {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
		if again, _, _ := tree.CompareFleet(treetest.At(t, root), test.lock, nil); !again.Empty() {
			t.Errorf("%s: a second run would change it", test.name)
		}
	}
	treetest.Put(t, root, "clusters/fleet.lock.yaml", "mine: true\n")
	if _, findings, err := tree.CompareFleet(treetest.At(t, root), first, nil); err != nil || len(findings) != 1 || findings[0].Rule != tree.RuleBadLock {
		t.Errorf("foreign: %v, %v", findings, err)
	}
}
