package pipelines_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

const (
	noPrune   = "Prune=false"
	guardLine = "argocd.argoproj.io/sync-options: Delete=confirm,Prune=false"
)

// A cluster that leaves takes its own files along and nothing else, whether its
// spec goes or its folder: neither another cluster's nor what people wrote.
func TestARegisteredClusterLeaves(t *testing.T) {
	for name, leave := range map[string]struct {
		path string
		rule string
		kept bool
	}{
		"its spec":   {"clusters/one/spec.yaml", string(tree.RuleRetired), true},
		"its folder": {"clusters/one", string(tree.RuleOrphan), false},
	} {
		t.Run(name, func(t *testing.T) {
			repo := example(t, "one", "one-more")
			options := built(t, repo)
			fleettest.MustPass(t, registerBy(t, options, fleettest.NewKubeconfig(t)), nil)
			// Argo CD keeps the registration until the cluster retires.
			if sealed := string(repo.Read(t, registration)); !strings.Contains(head(sealed), guardLine) {
				t.Fatalf("the SealedSecret itself has no %s:\n%s", noPrune, sealed)
			}
			repo.Write(t, "clusters/one/NOTES.md", []byte("ours\n"))
			repo.Write(t, "clusters/root/one.by-hand.txt", []byte("kind: ConfigMap\n"))
			others := listing(t, repo, "one-more")

			if err := os.RemoveAll(filepath.Join(repo.Root, filepath.FromSlash(leave.path))); err != nil {
				t.Fatal(err)
			}
			if r := pipe(t, pipelines.Check, options); !r.Failed() || !strings.Contains(rules(r), leave.rule) {
				t.Errorf("check finds %s, not %s", rules(r), leave.rule)
			}
			fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)

			for _, file := range []string{"clusters/root/one.yaml", registration, "clusters/one/manifests", "clusters/one/lock.yaml", "clusters/one/values.yaml"} {
				if _, err := os.Stat(filepath.Join(repo.Root, file)); !os.IsNotExist(err) {
					t.Errorf("%s is still there: %v", file, err)
				}
			}
			if listing(t, repo, "one-more") != others {
				t.Error("another cluster's files changed")
			}
			repo.Read(t, "clusters/root/one.by-hand.txt")
			if leave.kept {
				repo.Read(t, "clusters/one/NOTES.md")
			}
			before := snapshot(t, repo.Root)
			for _, p := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
				// Notes in a folder without a spec: the fleet asks about that one.
				if r := pipe(t, p, options); r.Failed() && (!leave.kept || rules(r) != "fleet-missing-spec") {
					fleettest.Print(t, r)
					t.Error("a second run must find nothing")
				}
			}
			if snapshot(t, repo.Root) != before {
				t.Error("a second build wrote something")
			}
		})
	}
}

// A registration that was edited is not taken for kasou's once the folder with
// its lock is gone.
func TestAnEditedRegistrationStays(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	fleettest.MustPass(t, registerBy(t, options, fleettest.NewKubeconfig(t)), nil)
	repo.Write(t, registration, append(repo.Read(t, registration), "# mine\n"...))
	if err := os.RemoveAll(filepath.Join(repo.Root, "clusters", "one")); err != nil {
		t.Fatal(err)
	}
	if r := pipe(t, pipelines.Build, options); !has(r, tree.RuleOrphanEdited) {
		t.Errorf("the build finds %s", rules(r))
	}
	repo.Read(t, registration)
}

// What leaves with an Application is said by deletion. Until the spec says
// retire, nothing of it leaves, and everything asks before it is deleted.
func TestDeletion(t *testing.T) {
	const finalizer = "resources-finalizer.argocd.argoproj.io"
	for _, c := range []struct {
		deletion              string
		retire, finalizes     bool
		guarded, asksToDelete bool
	}{
		{deletion: "orphan", guarded: true, asksToDelete: true},
		{deletion: "cascade", guarded: true, asksToDelete: true, finalizes: true},
		{deletion: "orphan", retire: true, asksToDelete: true},
		{deletion: "cascade", retire: true, finalizes: true},
	} {
		repo := example(t)
		spec := "  argocd: {deletion: " + c.deletion + "}\n"
		if c.retire {
			spec += "  retire: true\n"
		}
		repo.Cluster(t, "one", spec)
		built(t, repo)
		application := string(repo.Read(t, "clusters/root/one.yaml"))
		if has := strings.Contains(head(application), finalizer); has != c.finalizes {
			t.Errorf("%+v: finalizer %v", c, has)
		}
		if has := strings.Contains(head(application), guardLine); has != c.guarded {
			t.Errorf("%+v: guarded %v", c, has)
		}
		namespace := string(repo.Read(t, "clusters/one/manifests/namespace.yaml"))
		for what, text := range map[string]string{"Application": application, "Namespace": namespace} {
			body := strings.ReplaceAll(text, guardLine, "")
			if what == "Namespace" {
				body = text
			}
			if has := strings.Contains(body, "Delete=confirm"); has != c.asksToDelete {
				t.Errorf("%+v: %s asks before it deletes: %v", c, what, has)
			}
			if !strings.Contains(body, noPrune) || strings.Contains(text, "Prune=confirm") {
				t.Errorf("%+v: %s:\n%s", c, what, text)
			}
		}
	}
}

// Retiring lifts the guards of the registration without the credential, keeps
// every byte that is sealed, and can be taken back.
func TestRetiringLiftsTheGuardOfARegistration(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	fleettest.MustPass(t, registerBy(t, options, fleettest.NewKubeconfig(t)), nil)
	guarded, spec := string(repo.Read(t, registration)), repo.Read(t, "clusters/one/spec.yaml")
	repo.Write(t, "clusters/one/spec.yaml", append(spec, "  retire: true\n"...))
	if r := pipe(t, pipelines.Check, options); !r.Failed() {
		t.Error("check passes with the guards still there")
	}
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	lifted := string(repo.Read(t, registration))
	if strings.Contains(head(lifted), "argocd.argoproj.io") || !strings.Contains(lifted, secretTypeLabel) {
		t.Errorf("the registration has\n%s", lifted)
	}
	_, before, _ := strings.Cut(guarded, "\nspec:")
	if _, after, _ := strings.Cut(lifted, "\nspec:"); after != before {
		t.Error("what is sealed changed")
	}
	fleettest.MustPass(t, pipe(t, pipelines.Check, options), nil)

	repo.Write(t, "clusters/one/spec.yaml", spec)
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	if again := string(repo.Read(t, registration)); again != guarded {
		t.Errorf("with the guards back:\n%s\nbefore:\n%s", again, guarded)
	}
}

const secretTypeLabel = "argocd.argoproj.io/secret-type"

// listing returns the contents of a cluster's files.
func listing(t *testing.T, repo fleettest.Repo, cluster string) string {
	t.Helper()
	all := snapshot(t, filepath.Join(repo.Root, "clusters", cluster))
	return all + string(repo.Read(t, "clusters/root/"+cluster+".yaml"))
}

// head returns what stands before a document's spec.
func head(document string) string {
	before, _, _ := strings.Cut(document, "\nspec:")
	return before
}

// No shard removes by itself what the whole fleet's build would ask about.
func TestShardsGuardTheFleet(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	repo := example(t, names...)
	options := built(t, repo)
	for _, name := range names[:4] {
		gone := "clusters/" + name
		if name != "a" { // its whole folder, of the others the spec
			gone += "/spec.yaml"
		}
		if err := os.RemoveAll(filepath.Join(repo.Root, gone)); err != nil {
			t.Fatal(err)
		}
	}
	before := snapshot(t, repo.Root)
	shards := func(do func(o pipelines.Options)) {
		for i := range 4 {
			o := options
			o.Shard = pipelines.Shard{Index: i + 1, Count: 4}
			do(o)
		}
	}
	shards(func(o pipelines.Options) {
		r := pipe(t, pipelines.Build, o)
		errorsOf(t, r)
		if !has(r, tree.RulePrune) || len(r.Clusters) > 0 {
			t.Errorf("shard %d finds %q and does %v", o.Shard.Index, rules(r), r.Clusters)
		}
	})
	if snapshot(t, repo.Root) != before {
		t.Error("something was written")
	}
	removed := 0
	shards(func(o pipelines.Options) {
		o.AllowPrune = true
		r := pipe(t, pipelines.Build, o)
		fleettest.MustPass(t, r, nil)
		for _, c := range r.Clusters {
			if c.Status == report.Removed {
				removed++
			}
		}
	})
	if removed != 4 {
		t.Errorf("%d clusters removed, want 4", removed)
	}
	fleettest.MustPass(t, pipe(t, pipelines.Check, options), nil)
}

// A folder that got another name is not a cluster that left and one that came.
func TestARenameIsRefused(t *testing.T) {
	for name, build := range map[string]struct {
		shard pipelines.Shard
		names []string
	}{
		"the fleet":         {},
		"a shard":           {shard: pipelines.Shard{Index: 1, Count: 2}},
		"the other shard":   {shard: pipelines.Shard{Index: 2, Count: 2}},
		"by its new name":   {names: []string{"two"}},
		"with another name": {names: []string{"two", "three"}},
	} {
		t.Run(name, func(t *testing.T) {
			repo := example(t, "one", "three")
			options := built(t, repo)
			fleettest.MustPass(t, registerBy(t, options, fleettest.NewKubeconfig(t)), nil)
			if err := os.Rename(filepath.Join(repo.Root, "clusters/one"), filepath.Join(repo.Root, "clusters/two")); err != nil {
				t.Fatal(err)
			}
			repo.Cluster(t, "two", "  ingress: {enabled: true, host: one.example.com}\n")
			before := snapshot(t, repo.Root)
			if r := pipe(t, pipelines.Check, options); rules(r) != string(tree.RuleRenamed) {
				t.Errorf("check finds %q", rules(r))
			}
			options.Shard, options.Names = build.shard, build.names
			r := pipe(t, pipelines.Build, options)
			if rules(r) != string(tree.RuleRenamed) || r.Findings[0].File != "clusters/two/lock.yaml" {
				t.Errorf("build finds %q", rules(r))
			}
			if snapshot(t, repo.Root) != before {
				t.Error("something was written")
			}
			options.Shard, options.Names = pipelines.Shard{}, nil
			for _, file := range []string{"lock.yaml", "values.yaml", "manifests"} {
				if err := os.RemoveAll(filepath.Join(repo.Root, "clusters/two", file)); err != nil {
					t.Fatal(err)
				}
			}
			fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
			if _, err := os.Stat(filepath.Join(repo.Root, registration)); !os.IsNotExist(err) {
				t.Errorf("the old registration: %v", err)
			}
		})
	}
}
