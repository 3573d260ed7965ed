package pipelines_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/baseline"
	"kasou/pipelines/finding"
	"kasou/pipelines/report"
)

// planned is a fleet of clusters of upstream charts, built and committed.
func planned(t *testing.T, charts map[string]string) (fleettest.Repo, pipelines.Options) {
	t.Helper()
	repo := fleettest.New(t, "1.34.1")
	for _, archive := range upstream.All(t) {
		repo.Copy(t, "charts/"+filepath.Base(archive), archive)
	}
	for name, chart := range charts {
		planSpec(t, repo, name, chart, "")
	}
	options := repo.Options(t, tools(t))
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	return repo, options
}

func planSpec(t *testing.T, repo fleettest.Repo, name, chart, more string) {
	t.Helper()
	repo.Cluster(t, name, "  chart: {path: charts/"+chart+".tgz}\n  server: https://"+name+".example.com\n"+more)
}

// effects returns the words of a cluster's steps, the worst first.
func effects(r *report.Report, name string) string {
	var words []string
	for _, c := range r.Clusters {
		for _, s := range c.Steps {
			if c.Name == name {
				words = append(words, strings.TrimSpace(s.Effect+" "+s.Change))
			}
		}
	}
	return strings.Join(words, ", ")
}

// What no build may do unannounced, on real charts: each is refused by build and
// check, named by plan, and goes through once the spec accepts exactly it.
func TestAStepThatBreaksIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ from, to, more, want, accept string }{
		"a jump": {"vcluster-0.19.7", "vcluster-0.24.1", "",
			"refused-by-vcluster chart, refused-by-vcluster distro, refused-by-vcluster kubernetes, refused-by-api-server StatefulSet spec.podManagementPolicy, objects-left, restart, applied",
			"[{change: chart, from: vcluster 0.19.7, to: vcluster 0.24.1}, {change: distro, from: k3s, to: k8s}, {change: kubernetes, from: 1.29.0, to: 1.34.1}, {change: StatefulSet spec.podManagementPolicy, from: OrderedReady, to: Parallel}]"},
		"back": {"vcluster-0.36.1", "vcluster-0.30.0", "", "refused-by-vcluster chart, refused-by-vcluster kubernetes, restart, applied",
			"[{change: chart, from: vcluster 0.36.1, to: vcluster 0.30.0}, {change: kubernetes, from: 1.36.0, to: 1.34.0}]"},
		"another namespace": {"vcluster-0.4.3", "vcluster-0.4.3", "  namespace: elsewhere\n", "empty-cluster namespace",
			"[{change: namespace, from: one, to: elsewhere}]"},
		"another range": {"vcluster-0.30.0", "vcluster-0.30.0", "  serviceCIDR: 10.50.0.0/16\n", "refused-by-vcluster service-cidr, restart, applied",
			"[{change: service-cidr, from: 10.96.0.0/16, to: 10.50.0.0/16}]"},
		"another database": {"vcluster-0.30.0", "vcluster-0.30.0", "  values: {controlPlane: {backingStore: {database: {embedded: {dataSource: \"sqlite:///data/b.db\"}}}}}\n",
			"empty-cluster store, restart, applied", "[{change: store, from: default, to: \"sqlite:///data/b.db\"}]"},
		"two on one file": {"vcluster-0.4.3", "vcluster-0.4.3", "  values: {replicas: 2}\n",
			"refused-by-vcluster replicas, applied", "[{change: replicas, from: \"1\", to: \"2\"}]"},
		"namespaces synced": {"vcluster-0.30.0", "vcluster-0.30.0", "  values: {sync: {toHost: {namespaces: {enabled: true, mappings: {byName: {a: b}}}}}}\n",
			"refused-by-vcluster namespace-sync, objects-left, restart, applied", `[{change: namespace-sync, from: disabled, to: 'enabled, by name {"a":"b"}'}]`},
		"another store": {"vcluster-0.30.0", "vcluster-0.30.0", "  values: {controlPlane: {backingStore: {etcd: {deploy: {enabled: true}}}}}\n",
			"data-lost store, refused-by-vcluster workload, objects-left, applied", "[{change: store, from: embedded-database, to: deployed-etcd}, {change: workload, from: StatefulSet, to: Deployment}]"},
	} {
		t.Run(name, func(t *testing.T) {
			repo, options := planned(t, map[string]string{"one": test.from})
			planSpec(t, repo, "one", test.to, test.more)
			if r := pipe(t, pipelines.Plan, options); effects(r, "one") != test.want {
				fleettest.Print(t, r)
				t.Errorf("the plan is %q, want %q", effects(r, "one"), test.want)
			}
			lock := string(repo.Read(t, "clusters/one/lock.yaml"))
			for _, p := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
				found(t, pipe(t, p, options), baseline.RuleRefused, finding.Error)
			}
			if string(repo.Read(t, "clusters/one/lock.yaml")) != lock {
				t.Error("it was built all the same")
			}
			planSpec(t, repo, "one", test.to, test.more+"  accept: "+test.accept+"\n")
			fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
			r := pipe(t, pipelines.Check, options)
			fleettest.MustPass(t, r, nil)
			found(t, r, baseline.RuleStep, finding.Warning)
			repo.Commit(t)
			found(t, pipe(t, pipelines.Check, options), baseline.RuleUnusedAccept, finding.Warning)
		})
	}
}

// An accept is for one step: another value, or another step beside it, is refused.
func TestAnAcceptIsBoundToItsStep(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.30.0"})
	for _, accept := range []string{
		"[{change: service-cidr, from: 10.96.0.0/16, to: 10.51.0.0/16}]",
		"[{change: service-cidr, from: 10.95.0.0/16, to: 10.50.0.0/16}]",
		"[{change: chart, from: 10.96.0.0/16, to: 10.50.0.0/16}]",
	} {
		planSpec(t, repo, "one", "vcluster-0.30.0", "  serviceCIDR: 10.50.0.0/16\n  accept: "+accept+"\n")
		r := pipe(t, pipelines.Build, options)
		found(t, r, baseline.RuleRefused, finding.Error)
		found(t, r, baseline.RuleUnusedAccept, finding.Warning)
	}
}

// The steps of the host's version, the chart's own defaults and files that were
// built already are seen, too.
func TestPlanComparesWithTheCommit(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.24.1", "two": "vcluster-0.4.3"})
	fleetFile := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(fleetFile, "1.34.1", "1.29.1", 1)))
	r := pipe(t, pipelines.Build, options)
	found(t, r, baseline.RuleRefused, finding.Error)
	if effects(r, "one") != "refused-by-vcluster kubernetes, restart" || effects(r, "two") != "" {
		fleettest.Print(t, r)
		t.Errorf("one: %q, two: %q", effects(r, "one"), effects(r, "two"))
	}
	repo.Write(t, "clusters/fleet.yaml", []byte(fleetFile))
	planSpec(t, repo, "one", "vcluster-0.24.1", "  values: {controlPlane: {statefulSet: {labels: {a: b}}}}\n")
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	if r := pipe(t, pipelines.Plan, options); effects(r, "one") == "" {
		t.Error("what is built and not committed is not a step")
	}
	repo.Commit(t)
	if r := pipe(t, pipelines.Plan, options); effects(r, "one") != "" {
		t.Errorf("after the commit: %q", effects(r, "one"))
	}
	against := options
	against.Against = "HEAD~1"
	if r := pipe(t, pipelines.Plan, against); effects(r, "one") == "" {
		t.Error("against the commit before there is no step")
	}
	against.Against = strings.Repeat("1", 40)
	found(t, pipe(t, pipelines.Check, against), baseline.RuleBaseUnknown, finding.Warning)
	// Whoever asks for a plan against a commit means that one.
	var setting *pipelines.SettingError
	if _, err := pipelines.Plan(t.Context(), against); !errors.As(err, &setting) {
		t.Errorf("a plan against a commit that is not there: %v", err)
	}
}

// A cluster that the commit does not have comes: by its spec alone, built, and staged; not
// once it is committed.
func TestPlanSaysThatAClusterComes(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.30.0"})
	want := func(effect string) {
		t.Helper()
		if r := pipe(t, pipelines.Plan, options); effects(r, "two") != effect || effects(r, "one") != "" {
			fleettest.Print(t, r)
			t.Errorf("%q, want %q", effects(r, "two"), effect)
		}
	}
	planSpec(t, repo, "two", "vcluster-0.30.0", "")
	want("comes")
	if r := pipe(t, pipelines.Build, options); effects(r, "two") != "comes" || r.Failed() {
		t.Errorf("the build says %q", effects(r, "two"))
	}
	want("comes")
	repo.Commit(t)
	want("")
}

// A chart of another file under the same path is read in the labels.
func TestPlanWithoutTheOldChart(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.30.0"})
	if err := os.RemoveAll(filepath.Join(repo.Root, "charts/vcluster-0.30.0.tgz")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(options.Cache); err != nil {
		t.Fatal(err)
	}
	planSpec(t, repo, "one", "vcluster-0.24.1", "")
	r := pipe(t, pipelines.Plan, options)
	if !strings.HasPrefix(effects(r, "one"), "refused-by-vcluster chart") {
		fleettest.Print(t, r)
		t.Errorf("the plan is %q", effects(r, "one"))
	}
}

// One default must not accept a step for a whole fleet.
func TestAcceptIsNoDefault(t *testing.T) {
	repo := example(t, "one")
	fleetFile := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(fleetFile+"  defaults: {accept: [{change: distro, from: k3s, to: k8s}]}\n"))
	if r := pipe(t, pipelines.Build, repo.Options(t, tools(t))); rules(r) != "fleet-shared-accept" {
		t.Errorf("build finds %s", rules(r))
	}
}

// On a pull request HEAD is the host's merge, in which the step is built already: it is
// held against the branch that it goes to, or everything would pass.
func TestAStepIsSeenOnAPullRequest(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.30.0"})
	const accept = "  accept: [{change: service-cidr, from: 10.96.0.0/16, to: 10.50.0.0/16}]\n"
	repo.Git(t, "checkout", "-q", "-b", "change")
	planSpec(t, repo, "one", "vcluster-0.30.0", "  serviceCIDR: 10.50.0.0/16\n"+accept)
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	repo.Git(t, "checkout", "-q", "-b", "goes-to", "HEAD~1")
	repo.Git(t, "merge", "-q", "--no-ff", "-m", "merge", "change")
	if r := pipe(t, pipelines.Check, options); effects(r, "one") != "" {
		t.Errorf("against HEAD: %q", effects(r, "one"))
	}
	options.BeforeMerge = true
	r := pipe(t, pipelines.Check, options)
	fleettest.MustPass(t, r, nil)
	if !strings.HasPrefix(effects(r, "one"), "refused-by-vcluster service-cidr") || has(r, baseline.RuleUnusedAccept) {
		fleettest.Print(t, r)
		t.Errorf("before the merge: %q", effects(r, "one"))
	}
	planSpec(t, repo, "one", "vcluster-0.30.0", "  serviceCIDR: 10.50.0.0/16\n")
	found(t, pipe(t, pipelines.Check, options), baseline.RuleRefused, finding.Error)
}

// A committed lock that somebody edited keeps nobody from building: what it should not
// list is passed over.
func TestAStepFromAnEditedLock(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.4.3"})
	const file = "clusters/one/lock.yaml"
	whole := string(repo.Read(t, file))
	edited := strings.Replace(whole, "files:\n", "files:\n  \"../../outside\": sha256:00\n  \"one/line\\nbreak\": sha256:00\n", 1)
	repo.Write(t, file, []byte(edited))
	repo.Commit(t)
	repo.Write(t, file, []byte(whole))
	planSpec(t, repo, "one", "vcluster-0.4.3", "  namespace: elsewhere\n")
	if r := pipe(t, pipelines.Plan, options); effects(r, "one") != "empty-cluster namespace" {
		fleettest.Print(t, r)
		t.Errorf("the plan is %q", effects(r, "one"))
	}
}

// Where there is no git, a checkout of the commit stands in for it.
func TestAPlanAgainstAFolder(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.30.0", "two": "vcluster-0.30.0"})
	checkout := t.TempDir()
	if err := os.CopyFS(filepath.Join(checkout, "clusters"), os.DirFS(filepath.Join(repo.Root, "clusters"))); err != nil {
		t.Fatal(err)
	}
	planSpec(t, repo, "one", "vcluster-0.30.0", "  namespace: elsewhere\n")
	want := effects(pipe(t, pipelines.Plan, options), "one")
	if err := os.RemoveAll(filepath.Join(repo.Root, ".git")); err != nil {
		t.Fatal(err)
	}
	unknown := pipe(t, pipelines.Plan, options)
	if got := effects(unknown, "one"); got != "" {
		t.Errorf("without anything to compare with: %s", got)
	}
	found(t, unknown, baseline.RuleBaseUnknown, finding.Warning)
	options.AgainstFolder = checkout
	r := pipe(t, pipelines.Plan, options)
	if got := effects(r, "one"); got != want || want == "" || effects(r, "two") != "" {
		t.Errorf("%s, by git %s", got, want)
	}
	options.AgainstFolder = filepath.Join(checkout, "none")
	var setting *pipelines.SettingError
	if _, err := pipelines.Plan(t.Context(), options); !errors.As(err, &setting) {
		t.Errorf("a checkout that is not there: %v", err)
	}
}

// A cluster's own manifests are part of each step: one that stays is not left behind, one
// that changes is applied or refused, one that goes is.
func TestPlanComparesExtras(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.30.0"})
	binding := func(role, label string) {
		repo.Write(t, "clusters/one/extra/binding.yaml", fmt.Appendf(nil, `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: own, labels: {a: %q}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %q}
subjects: [{kind: ServiceAccount, name: default}]
`, label, role))
	}
	want := func(effect string) {
		t.Helper()
		if r := pipe(t, pipelines.Plan, options); effects(r, "one") != effect {
			fleettest.Print(t, r)
			t.Errorf("%q, want %q", effects(r, "one"), effect)
		}
	}
	binding("vc-one", "1")
	want("applied")
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	want("")
	planSpec(t, repo, "one", "vcluster-0.30.0", "  values: {controlPlane: {advanced: {serviceAccount: {labels: {a: b}}}}}\n")
	want("restart, applied")
	planSpec(t, repo, "one", "vcluster-0.30.0", "")
	binding("vc-one", "2")
	want("applied")
	planSpec(t, repo, "one", "vcluster-0.30.0", "  allow: [{group: rbac.authorization.k8s.io, kind: RoleBinding}]\n")
	binding("other", "1")
	want("refused-by-api-server RoleBinding roleRef")
	if err := os.Remove(filepath.Join(repo.Root, "clusters/one/extra/binding.yaml")); err != nil {
		t.Fatal(err)
	}
	want("objects-left")
}

// What a change of fleet.yaml does to the Argo CD that runs is refused until fleet.yaml
// accepts exactly that, also where an earlier commit changed it and nobody built since.
func TestAStepOfTheFleet(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.4.3"})
	repo.Git(t, "branch", "base")
	original := string(repo.Read(t, "clusters/fleet.yaml"))
	elsewhere := strings.Replace(original, "git.example.com", "git.example.org", 1)
	branch := strings.Replace(original, `.git"`, `.git", revision: release`, 1)
	folder := strings.Replace(original, `.git"`, `.git", path: other`, 1)
	for name, test := range map[string]struct{ text, want, accept string }{
		"nothing":      {original, "", ""},
		"the default":  {original + "  argocd: {name: kasou}\n", "", ""},
		"a name":       {original + "  argocd: {name: platform}\n", "kasou-bootstrap stay beside it", "change: argocd.name, from: kasou, to: platform"},
		"a namespace":  {original + "  argocd: {namespace: argo}\n", "moves from namespace argocd to argo", "change: argocd.namespace, from: argocd, to: argo"},
		"both":         {original + "  argocd: {namespace: argo, name: it}\n", "moves from namespace argocd to argo", "change: argocd.namespace, from: argocd, to: argo"},
		"a repository": {elsewhere, "reads https://git.example.org/platform.git in place of", "change: repository.url, from: https://git.example.com/platform.git, to: https://git.example.org/platform.git"},
		"a branch":     {branch, "reads release in place of HEAD", "change: repository.revision, from: HEAD, to: release"},
		"a folder":     {folder, "reads other in place of clusters", "change: repository.path, from: clusters, to: other"},
	} {
		t.Run(name, func(t *testing.T) {
			repo.Git(t, "checkout", "-qf", "-B", "try", "base")
			repo.Write(t, "clusters/fleet.yaml", []byte(test.text))
			if r := pipe(t, pipelines.Plan, options); test.want == "" {
				if has(r, baseline.RuleRefused) || has(r, baseline.RuleFleet) {
					t.Errorf("the rules are %s", rules(r))
				}
				return
			}
			files := snapshot(t, filepath.Join(repo.Root, "clusters"))
			for _, p := range []pipelines.Pipeline{pipelines.Plan, pipelines.Check, pipelines.Build} {
				said(t, pipe(t, p, options), baseline.RuleRefused, test.want, "write {"+test.accept+"} into spec.accept of clusters/fleet.yaml.")
			}
			if snapshot(t, filepath.Join(repo.Root, "clusters")) != files {
				t.Error("a build wrote what is refused")
			}
			repo.Commit(t)
			said(t, pipe(t, pipelines.Build, options), baseline.RuleRefused, test.want, "")
			repo.Write(t, "clusters/fleet.yaml", []byte(test.text+"  accept: [{"+test.accept+"}]\n"))
			r := pipe(t, pipelines.Build, options)
			fleettest.MustPass(t, r, nil)
			said(t, r, baseline.RuleFleet, test.want, "")
			repo.Commit(t)
			said(t, pipe(t, pipelines.Check, options), baseline.RuleUnusedAccept, "is not pending", "Take it out.")
		})
	}
}

// said fails unless the report has a finding of the rule with both texts in it.
func said(t *testing.T, r *report.Report, rule finding.Rule, message, hint string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Rule == rule && strings.Contains(f.Message, message) && strings.Contains(f.Hint, hint) {
			return
		}
	}
	fleettest.Print(t, r)
	t.Errorf("no %s of %q with %q", rule, message, hint)
}

// The line that a message says to write is accepted as it stands, whatever the values.
func TestAnAcceptIsWrittenAsItIsSaid(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.36.1"})
	line := regexp.MustCompile(`write (\{change: .*\}) into spec.accept`)
	patches := strings.Repeat("a long path ", 20)
	for _, values := range []string{
		"{controlPlane: {statefulSet: {highAvailability: {replicas: 3}}}}",
		"{controlPlane: {backingStore: {database: {embedded: {dataSource: \"sqlite:///a, b: {#'\"}}}}}",
		"{controlPlane: {backingStore: {database: {embedded: {dataSource: \"sqlite:///\\\"\\u00e4\\n \\\\ \"}}}}}",
		"{sync: {toHost: {namespaces: {enabled: true, mappings: {byName: {a: \"" + patches + "\", \"yes\": \"~\"}}}}}}",
	} {
		planSpec(t, repo, "one", "vcluster-0.36.1", "  values: "+values+"\n")
		var accepts []string
		for _, f := range pipe(t, pipelines.Plan, options).Findings {
			if f.Rule == baseline.RuleRefused {
				accepts = append(accepts, line.FindStringSubmatch(f.Hint)[1])
			}
		}
		if len(accepts) == 0 {
			t.Errorf("%s is not refused", values)
		}
		planSpec(t, repo, "one", "vcluster-0.36.1", "  values: "+values+"\n  accept: ["+strings.Join(accepts, ", ")+"]\n")
		if r := pipe(t, pipelines.Plan, options); r.Failed() || has(r, baseline.RuleUnusedAccept) {
			fleettest.Print(t, r)
			t.Errorf("%s: what is said to be written is not accepted: %q", values, accepts)
		}
	}
}

// A cluster that takes another's place under a new name is not one that changes its bytes.
func TestAPlanOfANewCluster(t *testing.T) {
	repo, options := planned(t, map[string]string{"one": "vcluster-0.4.3"})
	planSpec(t, repo, "uno", "vcluster-0.4.3", "")
	if err := os.Remove(filepath.Join(repo.Root, "clusters/one/spec.yaml")); err != nil {
		t.Fatal(err)
	}
	if r := pipe(t, pipelines.Plan, options); effects(r, "uno") != "comes" || effects(r, "one") != "leaves" {
		fleettest.Print(t, r)
		t.Errorf("uno: %q, one: %q", effects(r, "uno"), effects(r, "one"))
	}
}

// What nobody has committed yet deploys nothing: a person who corrects the first fleet.yaml
// has no step to accept.
func TestACorrectionBeforeTheFirstCommit(t *testing.T) {
	repo := example(t, "one")
	git(t, repo.Root, "init", "-q")
	repo.Git(t, "commit", "-qm", "before kasou", "--allow-empty")
	options := built(t, repo)
	text := repo.Read(t, "clusters/fleet.yaml")
	right := bytes.Replace(text, []byte("platform.git"), []byte("right.git"), 1)
	repo.Write(t, "clusters/fleet.yaml", right)
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	if got := repo.Read(t, "clusters/bootstrap/root.yaml"); !bytes.Contains(got, []byte("right.git")) {
		t.Errorf("the app of apps is\n%s", got)
	}
	repo.Commit(t)
	repo.Write(t, "clusters/fleet.yaml", text)
	found(t, pipe(t, pipelines.Build, options), baseline.RuleRefused, finding.Error)
}

// Another repository of a chart is told, whether its archive is the same or not.
func TestAChartFromElsewhere(t *testing.T) {
	one, two := fleettest.Releases(t, "0.25.2=0.24.1"), fleettest.Releases(t, "0.25.2=0.30.0")
	repo := fleettest.New(t, "1.34.1")
	released(t, repo, one, "same", "0.24.1", "")
	released(t, repo, one, "other", "0.25.2", "")
	options := repo.Options(t, tools(t))
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	released(t, repo, one+"/", "same", "0.24.1", "")
	if r := pipe(t, pipelines.Plan, options); effects(r, "same") != "" || effects(r, "other") != "" {
		fleettest.Print(t, r)
		t.Error("the same repository is another one")
	}
	released(t, repo, two, "same", "0.24.1", "")
	released(t, repo, two, "other", "0.25.2", "")
	for _, p := range []pipelines.Pipeline{pipelines.Plan, pipelines.Check, pipelines.Build} {
		r := pipe(t, p, options)
		if effects(r, "same") != "source-moves" || !strings.HasPrefix(effects(r, "other"), "source-moves") {
			fleettest.Print(t, r)
			t.Errorf("the steps are %q and %q", effects(r, "same"), effects(r, "other"))
		}
		said(t, r, baseline.RuleStep, "the chart is read from "+two+" in place of "+one+": the archive is the same", "Look at who can write there.")
		said(t, r, baseline.RuleStep, "in place of "+one+": there it is another archive under the same version", "")
	}
	repo.Commit(t)
	if r := pipe(t, pipelines.Plan, options); effects(r, "same") != "" || effects(r, "other") != "" {
		t.Error("it is told after the commit, too")
	}
}
