package tree_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree"
)

func TestCompareSaysWhy(t *testing.T) {
	const (
		namespace = "clusters/dev/manifests/namespace.yaml"
		lock      = "clusters/dev/lock.yaml"
	)
	for name, test := range map[string]struct {
		change func(t *testing.T, root string)
		wanted tree.Wanted
		causes map[string]string
		rules  []finding.Rule
	}{
		"nothing": {wanted: treetest.Generation("a"), causes: map[string]string{}},
		"hand edit": {
			wanted: treetest.Generation("a"),
			change: func(t *testing.T, root string) { treetest.Put(t, root, namespace, "kind: Namespace\nname: b\n") },
			causes: map[string]string{namespace: "update: hand edit"},
			rules:  []finding.Rule{tree.RuleHandEdit},
		},
		"deleted by hand": {
			wanted: treetest.Generation("a"),
			change: func(t *testing.T, root string) { treetest.Remove(t, root, namespace) },
			causes: map[string]string{namespace: "create: missing"},
			rules:  []finding.Rule{tree.RuleMissing},
		},
		"inputs changed": {
			wanted: treetest.Generation("b"),
			causes: map[string]string{
				namespace:                "update: stale",
				lock:                     "update: stale",
				"clusters/root/dev.yaml": "update: stale",
				"clusters/dev/manifests/vcluster/templates/a.yaml": "delete: no longer generated",
				"clusters/dev/manifests/vcluster/templates/b.yaml": "create: new",
				"clusters/dev/manifests/a/deep/er/file.yaml":       "delete: no longer generated",
				"clusters/dev/manifests/b/deep/er/file.yaml":       "create: new",
			},
			rules: []finding.Rule{tree.RuleNotBuilt, tree.RuleStale, tree.RuleStale},
		},
		"lock edited": {
			wanted: treetest.Generation("a"),
			change: func(t *testing.T, root string) {
				data, err := os.ReadFile(filepath.Join(root, lock))
				if err != nil {
					t.Fatal(err)
				}
				treetest.Put(t, root, lock, string(data)+"# note to self\n")
			},
			causes: map[string]string{lock: "update: hand edit"},
			rules:  []finding.Rule{tree.RuleHandEdit},
		},
		"lock lost, files identical": {
			wanted: treetest.Generation("a"),
			change: func(t *testing.T, root string) { treetest.Remove(t, root, lock) },
			causes: map[string]string{lock: "create: new"},
			rules:  []finding.Rule{tree.RuleNotBuilt},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := treetest.Repo(t, nil)
			treetest.Build(t, root, treetest.Generation("a"))
			if test.change != nil {
				test.change(t, root)
			}
			plan := treetest.Compare(t, root, test.wanted)
			if diff := cmp.Diff(test.causes, treetest.Causes(plan)); diff != "" {
				t.Errorf("causes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.rules, rules(plan.Findings())); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			treetest.Build(t, root, test.wanted)
		})
	}
}

// Whoever writes a person's file into a lock does not have it deleted.
func TestNothingIsDeletedThatIsNotAsTheLockHasIt(t *testing.T) {
	for name, file := range map[string]string{
		"edited, and no longer generated": "clusters/dev/manifests/namespace.yaml",
		"claimed by an edited lock":       "clusters/dev/manifests/notes.md",
	} {
		t.Run(name, func(t *testing.T) {
			root := treetest.Repo(t, nil)
			treetest.Build(t, root, treetest.Generation("a"))
			treetest.Put(t, root, file, "mine\n")
			w := treetest.Generation("a")
			delete(w.Files, file)
			const lock = "clusters/dev/lock.yaml"
			text := strings.Replace(treetest.Snapshot(t, root)[lock], "files:\n", "files:\n  "+strings.TrimPrefix(file, "clusters/")+": "+manifest.Digest(nil)+"\n", 1)
			if strings.Count(text, file[len("clusters/"):]) == 1 {
				treetest.Put(t, root, lock, text)
			}
			_, findings, err := tree.Compare(t.Context(), treetest.At(t, root), w)
			if err != nil || len(findings) != 1 || findings[0].Rule != tree.RuleNotDeleted || findings[0].File != file || !findings.Failed() {
				t.Errorf("%v, %v", findings, err)
			}
			treetest.Remove(t, root, file)
			treetest.Build(t, root, w)
		})
	}
}

// A build that was cut off may have left the old of a file or the new. The next
// one is free to want neither.
func TestALockThatWasCutOffClaimsOldAndNew(t *testing.T) {
	const file = "clusters/dev/manifests/namespace.yaml"
	for _, stands := range []string{"a", "b", "c"} {
		root := treetest.Repo(t, nil)
		treetest.Build(t, root, treetest.Generation("a"))
		intent := treetest.Compare(t, root, treetest.Generation("b")).Intent()
		treetest.Put(t, root, "clusters/dev/lock.yaml", string(intent))
		treetest.Put(t, root, file, string(treetest.Generation(stands).Files[file]))
		w := treetest.Generation("d")
		delete(w.Files, file)
		plan, findings, err := tree.Compare(t.Context(), treetest.At(t, root), w)
		if err != nil || findings.Failed() != (stands == "c") {
			t.Errorf("%s: %v, %v", stands, findings, err)
		}
		if err := tree.Apply(t.Context(), treetest.At(t, root), plan); err != nil {
			t.Error(err)
		}
	}
}

func TestHandEditNamesLineAndColumn(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	treetest.Put(t, root, "clusters/dev/manifests/namespace.yaml", "kind: Namespace\nname: ü\n")
	findings := treetest.Compare(t, root, treetest.Generation("a")).Findings()
	if len(findings) != 1 || findings[0].Position() != "clusters/dev/manifests/namespace.yaml:2:7" || findings[0].Severity != finding.Error {
		t.Errorf("got %v", findings)
	}
}

// What kasou did not write stops the cluster and is not touched.
func TestForeignThings(t *testing.T) {
	const (
		target = "clusters/dev/manifests/namespace.yaml"
		app    = "clusters/root/dev.yaml"
	)
	outside := t.TempDir()
	treetest.Put(t, outside, "namespace.yaml", "outside\n")
	link := func(target, name string) func(t *testing.T, root string) {
		return func(t *testing.T, root string) {
			full := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, full); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, root string)
		file   string
		rule   finding.Rule
	}{
		"a file":               {func(t *testing.T, root string) { treetest.Put(t, root, target, "mine\n") }, target, tree.RuleForeignFile},
		"an app":               {func(t *testing.T, root string) { treetest.Put(t, root, app, "mine\n") }, app, tree.RuleForeignFile},
		"link to a file":       {link(filepath.Join(outside, "namespace.yaml"), target), target, tree.RuleSymlink},
		"dangling link":        {link("nowhere", target), target, tree.RuleSymlink},
		"link within the repo": {link("../spec.yaml", target), target, tree.RuleSymlink},
		"linked folder":        {link(outside, "clusters/dev/manifests"), "clusters/dev/manifests", tree.RuleSymlink},
		"linked root":          {link(outside, "clusters/root"), "clusters/root", tree.RuleSymlink},
		"linked lock":          {link("spec.yaml", "clusters/dev/lock.yaml"), "clusters/dev/lock.yaml", tree.RuleSymlink},
		"folder for a file":    {func(t *testing.T, root string) { treetest.Put(t, root, target+"/x", "x") }, target, tree.RuleNotAFile},
		"file for a folder":    {func(t *testing.T, root string) { treetest.Put(t, root, "clusters/dev/manifests", "x") }, "clusters/dev/manifests", tree.RuleNotAFile},
		"a pipe": {func(t *testing.T, root string) {
			treetest.Put(t, root, "clusters/dev/manifests/x", "")
			if err := syscall.Mkfifo(filepath.Join(root, target), 0o644); err != nil {
				t.Fatal(err)
			}
			treetest.Remove(t, root, "clusters/dev/manifests/x")
		}, target, tree.RuleNotAFile},
	} {
		t.Run(name, func(t *testing.T) {
			root := treetest.Repo(t, nil)
			test.change(t, root)
			_, findings, err := tree.Compare(t.Context(), treetest.At(t, root), treetest.Generation("a"))
			if err != nil {
				t.Fatal(err)
			}
			if len(findings) == 0 || findings[0].File != test.file || findings[0].Rule != test.rule || !findings.Failed() {
				t.Errorf("got %v; want %s at %s", findings, test.rule, test.file)
			}
		})
	}
	if got := treetest.Snapshot(t, outside); len(got) != 1 || got["namespace.yaml"] != "outside\n" {
		t.Errorf("outside was touched: %v", got)
	}
}

// A link that appears between Compare and Apply is not followed either.
func TestLinkAfterCompare(t *testing.T) {
	outside, root := t.TempDir(), treetest.Repo(t, nil)
	plan := treetest.Compare(t, root, treetest.Generation("a"))
	if err := os.Symlink(outside, filepath.Join(root, "clusters/dev/manifests")); err != nil {
		t.Fatal(err)
	}
	if err := tree.Apply(t.Context(), treetest.At(t, root), plan); err == nil {
		t.Error("applied through a link")
	}
	if got := treetest.Snapshot(t, outside); len(got) != 0 {
		t.Errorf("outside was touched: %v", got)
	}
}

func TestHostileLocks(t *testing.T) {
	digest := manifest.Digest([]byte("x"))
	for _, p := range []string{
		"../victim", "dev/../../victim", "/etc/passwd", "dev/spec.yaml", "dev/lock.yaml", "fleet.yaml", "other/values.yaml",
		"root/other.yaml", "root/dev.yaml/../other.yaml", "dev", "dev/", "", ".", "dev//values.yaml", "dev/./values.yaml",
		`dev\..\victim`, "dev/.git/config", "dev/.kasou-x", "root/dev.cluster.yaml.bak", "spec.schema.json", "./dev/values.yaml",
		"dev/extra/quota.yaml", "dev/README.md", "dev/manifests", "dev/values.yaml/below.yaml",
	} {
		t.Run(p, func(t *testing.T) {
			lock, err := lockfile.Lock{Files: map[string]string{p: digest, "dev/values.yaml": digest}}.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			root := treetest.Repo(t, map[string]string{"victim": "x", "clusters/dev/lock.yaml": string(lock)})
			before := treetest.Snapshot(t, root)
			_, findings, err := tree.Compare(t.Context(), treetest.At(t, root), treetest.Generation("a"))
			if err != nil || len(findings) != 1 || findings[0].Rule != tree.RuleBadLock {
				t.Errorf("compare: %v, %v", findings, err)
			}
			treetest.Remove(t, root, "clusters/dev/spec.yaml")
			plan, findings, err := tree.Retire(t.Context(), treetest.At(t, root), "dev")
			if err != nil || len(findings) != 1 || !plan.Empty() {
				t.Errorf("retire: %v, %v, %v", treetest.Causes(plan), findings, err)
			}
			if ok, err := tree.Intact(treetest.At(t, root), "dev", lockfile.Lock{Files: map[string]string{p: digest}}); ok || err != nil {
				t.Errorf("intact: %v, %v", ok, err)
			}
			delete(before, "clusters/dev/spec.yaml")
			if diff := cmp.Diff(before, treetest.Snapshot(t, root)); diff != "" {
				t.Errorf("touched:\n%s", diff)
			}
		})
	}
}

func TestLocksThatDoNotParse(t *testing.T) {
	for name, content := range map[string]string{
		"merge conflict": "<<<<<<< HEAD\napiVersion: kasou/v1\n=======\n",
		"other version":  "apiVersion: kasou/v2\nkind: Lock\n",
		"unknown key":    "apiVersion: kasou/v1\nkind: Lock\nnew: 1\n",
		"empty":          "",
	} {
		t.Run(name, func(t *testing.T) {
			root := treetest.Repo(t, map[string]string{"clusters/dev/lock.yaml": content})
			_, findings, err := tree.Compare(t.Context(), treetest.At(t, root), treetest.Generation("a"))
			if err != nil || len(findings) != 1 || findings[0].Rule != tree.RuleBadLock {
				t.Errorf("%v, %v", findings, err)
			}
		})
	}
}

func TestWantedPathsAreFenced(t *testing.T) {
	for _, p := range []string{
		"clusters/dev/../other/values.yaml", "clusters/other/x.yaml", "clusters/fleet.yaml", "clusters/dev/spec.yaml",
		"elsewhere/dev/x.yaml", "clusters/dev/manifests/namespace.yaml/below.yaml",
	} {
		w := treetest.Generation("a")
		w.Files[p] = []byte("x")
		_, findings, err := tree.Compare(t.Context(), treetest.At(t, treetest.Repo(t, nil)), w)
		if err != nil || len(findings) != 1 || findings[0].Rule != tree.RuleBadPath {
			t.Errorf("%s: %v, %v", p, findings, err)
		}
	}
}

func TestIntact(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	lock, _, err := tree.ReadLock(treetest.At(t, root), "dev")
	if err != nil || lock == nil {
		t.Fatal(lock, err)
	}
	check := func(when string, want bool) {
		t.Helper()
		if got, err := tree.Intact(treetest.At(t, root), "dev", *lock); got != want || err != nil {
			t.Errorf("%s: %v, %v", when, got, err)
		}
	}
	const file = "clusters/dev/manifests/namespace.yaml"
	check("as built", true)
	info, err := os.Stat(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	treetest.Put(t, root, file, strings.ToUpper("kind: Namespace\nname: a\n"))
	if err := os.Chtimes(filepath.Join(root, file), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	check("same size and time, other bytes", false)
	treetest.Remove(t, root, file)
	check("file gone", false)
}
