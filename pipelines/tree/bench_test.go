package tree_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
)

// aCluster returns files like those of a cluster with a chart of ten templates.
func aCluster(name string) tree.Wanted {
	files := manifest.Files{
		"clusters/" + name + "/values.yaml":              bytes.Repeat([]byte("a: 1\n"), 80),
		"clusters/" + name + "/manifests/namespace.yaml": []byte("kind: Namespace\nname: " + name + "\n"),
		"clusters/root/" + name + ".yaml":                tree.Stamp("clusters/"+name+"/spec.yaml", bytes.Repeat([]byte("app: "+name+"\n"), 60)),
	}
	for i := range 8 {
		folder := []string{"", "rbac/"}[i%4/3]
		files[fmt.Sprintf("clusters/%s/manifests/vcluster/templates/%sfile-%c.yaml", name, folder, 'a'+i)] =
			bytes.Repeat([]byte("key: "+name+"\n"), 60)
	}
	return tree.Wanted{Cluster: name, Files: files, Lock: lockfile.Lock{
		Inputs: manifest.Digest([]byte(name)), Chart: lockfile.ChartLock{Path: "charts/vcluster-0.4.3.tgz", Digest: manifest.Digest(nil)},
	}}
}

// cpu returns the processor time of the program so far, in microseconds.
func cpu(b *testing.B) int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano()/1000 + used.Stime.Nano()/1000
}

func reportCPU(b *testing.B, before int64) {
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-µs/op")
}

func built(b *testing.B, w tree.Wanted) *disk.Disk {
	d := disk.At(treetest.Repo(b, nil), "clusters")
	b.Cleanup(func() { _ = d.Close() })
	if err := treetest.BuildOn(d, w); err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkWrite measures the cost of comparing and writing a new cluster, with
// many in hand.
func BenchmarkWrite(b *testing.B) {
	d := disk.At(treetest.Repo(b, nil), "clusters")
	defer d.Close()
	before := cpu(b)
	for names := range slices.Chunk(slices.Collect(numbers(b.N)), 128) {
		var plans []tree.Plan
		for _, n := range names {
			plan, found, err := tree.Compare(context.Background(), d, aCluster(fmt.Sprintf("team-%05d", n)))
			if err != nil || len(found) > 0 {
				b.Fatal(found, err)
			}
			plans = append(plans, plan)
		}
		if err := errors.Join(tree.WriteAll(context.Background(), d, plans)...); err != nil {
			b.Fatal(err)
		}
	}
	reportCPU(b, before)
}

func numbers(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// BenchmarkCompare is a check's part of a cluster that is as wanted.
func BenchmarkCompare(b *testing.B) {
	w := aCluster("team-00001")
	d, before := built(b, w), cpu(b)
	for b.Loop() {
		if plan, _, err := tree.Compare(b.Context(), d, w); err != nil || !plan.Empty() {
			b.Fatal(treetest.Causes(plan), err)
		}
	}
	reportCPU(b, before)
}

// BenchmarkIntact is what a build without changes does for a cluster.
func BenchmarkIntact(b *testing.B) {
	d, before := built(b, aCluster("team-00001")), cpu(b)
	for b.Loop() {
		lock, _, err := tree.ReadLock(d, "team-00001")
		if err != nil {
			b.Fatal(err)
		}
		if ok, err := tree.Intact(d, "team-00001", *lock); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	reportCPU(b, before)
}

func BenchmarkLock(b *testing.B) {
	d := built(b, aCluster("team-00001"))
	lock, _, err := tree.ReadLock(d, "team-00001")
	if err != nil {
		b.Fatal(err)
	}
	data, err := lock.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := lockfile.Parse(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if _, err := lock.Marshal(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What a build of a fleet pays to find nothing half written.
func BenchmarkSweep(b *testing.B) {
	root := b.TempDir()
	for i := range 1000 {
		w := treetest.GenerationOf(fmt.Sprintf("c%d", i), "a")
		for p, data := range w.Files {
			full := filepath.Join(root, p)
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(full, data, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		d := disk.At(root, "clusters")
		if err := d.Sweep(b.Context(), func(string) bool { return true }); err != nil {
			b.Fatal(err)
		}
		_ = d.Close()
	}
}
