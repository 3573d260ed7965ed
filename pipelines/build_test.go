package pipelines_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/doctor"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// example makes a repository with our own chart and the named clusters.
func example(t *testing.T, names ...string) fleettest.Repo {
	t.Helper()
	repo := fleettest.New(t, "1.34.1")
	if err := os.CopyFS(filepath.Join(repo.Root, "charts"), os.DirFS("../charts")); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		repo.Cluster(t, name, "  ingress: {enabled: true, host: "+name+".example.com}\n")
	}
	return repo
}

func built(t *testing.T, repo fleettest.Repo) pipelines.Options {
	t.Helper()
	options := repo.Options(t, tools(t))
	r, err := pipelines.Build(context.Background(), options)
	fleettest.MustPass(t, r, err)
	return options
}

// A folder that goes takes the Application with it, but no edited one.
func TestOrphans(t *testing.T) {
	ctx := context.Background()
	repo := example(t, "one", "two")
	options := built(t, repo)
	if err := os.RemoveAll(filepath.Join(repo.Root, "clusters", "one")); err != nil {
		t.Fatal(err)
	}
	r, err := pipelines.Check(ctx, options)
	if err != nil || !has(r, tree.RuleOrphan) || !r.Failed() {
		t.Errorf("%v: check must see the orphan: %s", err, rules(r))
	}
	r, err = pipelines.Build(ctx, options)
	fleettest.MustPass(t, r, err)
	if _, err := os.Stat(filepath.Join(repo.Root, "clusters", "root", "one.yaml")); !os.IsNotExist(err) {
		t.Errorf("the Application of the cluster that went is still there: %v", err)
	}
	repo.Read(t, "clusters/root/two.yaml")
}

// What a build that was cut off left behind is told apart and repaired.
func TestInterruptedBuildIsRepaired(t *testing.T) {
	ctx := context.Background()
	repo := example(t, "one")
	options := built(t, repo)
	lock := string(repo.Read(t, "clusters/one/lock.yaml"))
	repo.Write(t, "clusters/one/lock.yaml", []byte(lock+"writing: true\n"))
	repo.Write(t, "clusters/one/values.yaml", []byte("half: new\n"))
	r, err := pipelines.Check(ctx, options)
	if err != nil || !has(r, tree.RuleInterrupted) || has(r, tree.RuleHandEdit) {
		t.Errorf("%v: want tree-interrupted alone, got %s", err, rules(r))
	}
	r, err = pipelines.Build(ctx, options)
	fleettest.MustPass(t, r, err)
	if got := string(repo.Read(t, "clusters/one/lock.yaml")); got != lock {
		t.Errorf("the lock is now\n%s", got)
	}
}

// What an interrupted run left half written goes with the next run that writes,
// also where that has nothing else to do.
func TestTemporaryFilesAreSwept(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	before := snapshot(t, repo.Root)
	for _, file := range []string{".kasou-fleet.lock.yaml.tmp", "root/.kasou-one.yaml.tmp", "one/.kasou-spec.yaml.tmp", "one/manifests/.kasou-one.7.tmp", "two/.kasou-spec.yaml.X.tmp"} {
		repo.Write(t, "clusters/"+file, []byte("half"))
	}
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	if snapshot(t, repo.Root) != before {
		t.Error("something stays")
	}
}

// A build that was cut off takes no registration along.
func TestInterruptedBuildKeepsTheRegistration(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	fleettest.MustPass(t, registerBy(t, options, fleettest.NewKubeconfig(t)), nil)
	sealed, lock := string(repo.Read(t, registration)), string(repo.Read(t, "clusters/one/lock.yaml"))
	repo.Write(t, "clusters/one/lock.yaml", []byte(lock+"writing: true\n"))
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	if string(repo.Read(t, registration)) != sealed || string(repo.Read(t, "clusters/one/lock.yaml")) != lock {
		t.Error("the registration, or the lock, is another")
	}
}

// A checkout whose line ends git converted is one finding that says so, and no
// build writes over it.
func TestConvertedLineEnds(t *testing.T) {
	repo := example(t, "one", "two")
	options := built(t, repo)
	convert := func(but string) {
		root := filepath.Join(repo.Root, "clusters")
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Base(path) == but {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	convert("")
	before := snapshot(t, repo.Root)
	for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build} {
		r := pipe(t, p, options)
		if rules(r) != string(tree.RuleLineEnds) || !r.Failed() || !strings.Contains(r.Findings[0].Hint, ".gitattributes") {
			t.Errorf("%s found %q", r.Command, rules(r))
		}
	}
	if snapshot(t, repo.Root) != before {
		t.Error("something was written")
	}

	// The locks were left out of it.
	repo = example(t, "one", "two")
	options = built(t, repo)
	convert("lock.yaml")
	if r := pipe(t, pipelines.Check, options); rules(r) != string(tree.RuleLineEnds) {
		t.Errorf("check found %q", rules(r))
	}
}

func TestJobsDoNotChangeTheResult(t *testing.T) {
	var want string
	for _, jobs := range []int{1, 7} {
		repo := example(t, "a", "b", "c", "d", "e", "f", "g", "h")
		repo.Write(t, "clusters/sealed-secrets.crt", nil) // not the same in two repositories
		repo.Write(t, "clusters/fleet.yaml", []byte(strings.ReplaceAll(string(repo.Read(t, "clusters/fleet.yaml")), "  sealing:", "  # sealing:")))
		options := repo.Options(t, tools(t))
		options.Jobs = jobs
		r, err := pipelines.Build(context.Background(), options)
		fleettest.MustPass(t, r, err)
		got := strings.ReplaceAll(snapshot(t, repo.Root), repo.Root, "")
		if want == "" {
			want = got
		} else if got != want {
			t.Errorf("%d jobs give another tree", jobs)
		}
	}
}

func TestAnInterruptStopsABuild(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := pipelines.Build(ctx, example(t, "one").Options(t, tools(t)))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

func TestDoctor(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	r, err := pipelines.Doctor(context.Background(), options)
	fleettest.MustPass(t, r, err)
	options.Cache = filepath.Join(repo.Root, "clusters", "fleet.yaml", "not-a-folder")
	if r, err = pipelines.Doctor(context.Background(), options); err != nil || !has(r, doctor.RuleMissing) || len(r.Unfinished) == 0 {
		t.Errorf("a cache that cannot be: %v, %s", err, rules(r))
	}
	repo.Write(t, "clusters/fleet.yaml", []byte("spec: 1\n"))
	r, err = pipelines.Doctor(context.Background(), repo.Options(t, options.Toolchain))
	if err != nil || !has(r, doctor.RuleMissing) || !r.Failed() {
		t.Errorf("a broken fleet: %v, %s", err, rules(r))
	}
}

func TestABrokenSealKeyIsNamedAndNotShown(t *testing.T) {
	options := example(t, "one").Options(t, tools(t))
	options.SealKey = "s3cret-but-too-short"
	_, err := pipelines.Build(context.Background(), options)
	if _, ok := errors.AsType[*pipelines.SettingError](err); !ok || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
}

func TestReportOrder(t *testing.T) {
	r, err := pipelines.Build(context.Background(), example(t, "b", "a", "c").Options(t, tools(t)))
	fleettest.MustPass(t, r, err)
	var names []string
	for _, c := range r.Clusters {
		names = append(names, c.Name)
	}
	if strings.Join(names, "") != "abc" || r.Count(report.Changed) != 3 {
		t.Errorf("clusters %v", names)
	}
}

// A lock that lost the line of a file which is as it has to be gets it back, in one build:
// the file is not taken for another's, to be deleted. Of what is sealed nobody can say that.
func TestALockThatLostItsLines(t *testing.T) {
	repo := example(t, "one")
	repo.Write(t, "charts/c/Chart.yaml", []byte("apiVersion: v2\nname: c\nversion: 1.0.0\n"))
	repo.Write(t, "charts/c/templates/config.yaml", []byte(configSecret))
	repo.Cluster(t, "sealed", "  chart: {path: charts/c}\n")
	options := built(t, repo)
	before := snapshot(t, repo.Root)
	for file, refused := range map[string]bool{"one/manifests/vcluster/templates/network.yaml": false, "sealed/manifests/c/templates/config.yaml": true} {
		name, _, _ := strings.Cut(file, "/")
		lock := string(repo.Read(t, "clusters/"+name+"/lock.yaml"))
		at := strings.Index(lock, "  "+file+":")
		repo.Write(t, "clusters/"+name+"/lock.yaml", []byte(lock[:at]+lock[at+strings.Index(lock[at:], "\n")+1:]))
		if r := pipe(t, pipelines.Check, options); !r.Failed() || has(r, tree.RuleUnknownFile) != refused {
			fleettest.Print(t, r)
			t.Errorf("%s: a check does not say it", file)
		}
		if r := pipe(t, pipelines.Build, options); has(r, tree.RuleUnknownFile) != refused || r.Failed() != refused {
			fleettest.Print(t, r)
			t.Errorf("%s: a build does not mend it", file)
		}
	}
	if snapshot(t, repo.Root) != before {
		t.Error("the tree is another one")
	}
}
