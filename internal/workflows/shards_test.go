package workflows

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Shards build at once, each in a clone of its own, and hand over what they built; one job
// joins and commits it, once.
func TestShardsAreCommittedOnce(t *testing.T) {
	h := newHub(t)
	h.edit("main", spec, "dev.k8s", "sharded.k8s")
	h.edit("main", "clusters/team-a/spec.yaml", "team-a.k8s", "team-z.k8s")
	pushed := h.git(h.origin, "rev-parse", "main")
	w := load(t)["fleet-build.yaml"]
	shards := t.TempDir()
	runner := func(shard string, index int) *runner {
		r := newRunner(t, h.checkout("main", false), "push")
		r.values = map[string]string{"inputs.clusters": "clusters", "inputs.environment": "kasou", "strategy.job-index": fmt.Sprint(index)}
		// The second checkout, of kasou itself.
		h.git(h.clone, "clone", "-q", "file://"+h.origin, filepath.Join(h.clone, ".kasou"))
		r.actionPath = filepath.Join(h.clone, ".kasou")
		j := w.Jobs["shard"]
		j.Strategy.Matrix = map[string]list{"shard": {shard}}
		w.Jobs["shard"] = j
		return r
	}
	for i, shard := range []string{"1/2", "2/2"} {
		r := runner(shard, i)
		if result := r.job(w, w.Jobs["shard"], map[string]string{}); result != "success" {
			t.Fatalf("shard %s: %s\n%s", shard, result, r.log.String())
		}
		name := fmt.Sprintf("shard-%d.tar.gz", i)
		copyFile(t, filepath.Join(r.files, name), filepath.Join(shards, name))
	}
	if after := h.git(h.origin, "rev-parse", "main"); after != pushed {
		t.Fatalf("a shard pushed %s", after)
	}
	r := runner("1/2", 0)
	if err := os.CopyFS(filepath.Join(r.files, "shards"), os.DirFS(shards)); err != nil {
		t.Fatal(err)
	}
	if result := r.job(w, w.Jobs["publish"], map[string]string{"shard": "success"}); result != "success" {
		t.Fatalf("publish: %s\n%s", result, r.log.String())
	}
	contains(t, r.log.String(), "joining 2 shards", "committed and pushed")
	if strings.Contains(r.log.String(), "built again") || strings.Contains(r.log.String(), "Building on") {
		t.Errorf("the fleet was built again:\n%s", r.log.String())
	}
	if parent := h.git(h.origin, "rev-parse", "main~1"); parent != pushed {
		t.Errorf("the commit is on %s, not on %s", parent, pushed)
	}
	contains(t, h.git(h.origin, "show", "--stat=200", "--format=%s", "main"), "Build 2 clusters", "clusters/team-a/values.yaml", "clusters/development/values.yaml")
}
