package pipelines_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/trust"
)

// oracle is a fleet of every kind of cluster, in git, as it is and as it was one
// commit before.
type oracle struct {
	repo     fleettest.Repo
	clusters []string
	// builder has the key, checker no secret at all.
	builder, checker pipelines.Options
	now, before      map[string][]byte
}

const extraPolicy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: extra}
spec: {podSelector: {}}
`

// newOracle makes the fleet: each upstream chart and kasou's own, registered and
// with an extra, and one with a value that does not stand in git.
func newOracle(t *testing.T) *oracle {
	t.Helper()
	repo := example(t)
	key, err := seal.ParseKey(sealKey)
	if err != nil {
		t.Fatal(err)
	}
	fleet := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(fleet, "certificate: sealed-secrets.crt", "certificate: sealed-secrets.crt, publicKey: "+`"`+key.Public()+`"`, 1)+
		"  argocd: {projects: [default, {name: tenants, generated: true}]}\n"))
	repo.Write(t, ".gitignore", []byte(".cache\n"))
	o := &oracle{repo: repo}
	charts := map[string]string{"own": "charts/vcluster", "hidden": "charts/c"}
	for _, archive := range upstream.All(t) {
		base := filepath.Base(archive)
		repo.Copy(t, "charts/"+base, archive)
		charts[strings.NewReplacer(".tgz", "", ".", "-").Replace(base)] = "charts/" + base
	}
	repo.Write(t, "charts/c/Chart.yaml", []byte("apiVersion: v2\nname: c\nversion: 1.0.0\n"))
	repo.Write(t, "charts/c/templates/config.yaml", []byte(configSecret))
	o.clusters = slices.Sorted(maps.Keys(charts))
	for _, name := range o.clusters {
		o.spec(t, name, charts[name], "a")
		repo.Write(t, "clusters/"+name+"/extra/policy.yaml", []byte(extraPolicy))
	}
	o.checker = repo.Options(t, tools(t))
	o.checker.Diff = false
	o.builder = o.checker
	o.builder.SealKey = sealKey
	o.builder.Getenv = func(string) string { return canary }
	git(t, repo.Root, "init", "-q")

	kubeconfigs := map[string]fleettest.Kubeconfig{}
	commit := func(message string) map[string][]byte {
		fleettest.MustPass(t, pipe(t, pipelines.Build, o.builder), nil)
		for _, name := range o.clusters {
			o.register(t, name, kubeconfigs[name])
		}
		git(t, repo.Root, "add", "-A")
		git(t, repo.Root, "commit", "-qm", message)
		return o.tree(t)
	}
	for _, name := range o.clusters {
		kubeconfigs[name] = fleettest.NewKubeconfig(t)
	}
	o.before = commit("before")
	for _, name := range o.clusters {
		o.spec(t, name, charts[name], "b")
		kubeconfigs[name] = kubeconfigs[name].Rotated(t)
	}
	o.now = commit("now")
	return o
}

func (o *oracle) spec(t *testing.T, name, chart, annotation string) {
	t.Helper()
	text := "  chart: {path: " + chart + "}\n  argocd: {project: tenants}\n  podSecurity: {warn: " + map[string]string{"a": "baseline", "b": "restricted"}[annotation] + "}\n"
	if name == "hidden" {
		text += "  server: https://hidden.example.com\n  valuesFrom: [{path: database.source, env: KASOU_VALUE_DATABASE}]\n"
	} else {
		text += "  ingress: {enabled: true, host: " + name + ".example.com, className: nginx, annotations: {version: " + annotation + "}}\n"
	}
	o.repo.Cluster(t, name, text)
}

func (o *oracle) register(t *testing.T, name string, k fleettest.Kubeconfig) {
	t.Helper()
	options := o.builder
	options.Names = []string{name}
	r, err := pipelines.Register(t.Context(), options, pipelines.Registration{Kubeconfig: k.Data, From: "kubeconfig.yaml"})
	fleettest.MustPass(t, r, err)
}

// tree returns all files of the clusters folder, by path from the repo's root.
func (o *oracle) tree(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(filepath.Join(o.repo.Root, "clusters"), func(at string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(o.repo.Root, at)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// generated returns the paths of a cluster's generated files; of what is one for
// the fleet for an empty name.
func (o *oracle) generated(cluster string) []string {
	var all []string
	for name := range o.now {
		inside := strings.TrimPrefix(name, "clusters/")
		own := inside == "root/"+cluster+".yaml" || inside == "root/"+cluster+".cluster.yaml" ||
			strings.HasPrefix(inside, cluster+"/") && !strings.HasSuffix(inside, "/spec.yaml") && !strings.HasPrefix(inside, cluster+"/extra/")
		if cluster == "" {
			own = inside == "fleet.lock.yaml" || strings.HasPrefix(inside, "bootstrap/")
		}
		if own {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// mutation changes a file: it returns what the files are to be then, nil for none.
type mutation struct {
	name   string
	change func(o *oracle, cluster, file string, data []byte) map[string][]byte
}

const evil = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: evil}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: User, name: evil, apiGroup: rbac.authorization.k8s.io}]
`

var mutations = []mutation{
	{"a byte flipped", func(_ *oracle, _, file string, data []byte) map[string][]byte {
		changed := bytes.Clone(data)
		changed[len(changed)/2] ^= 1
		return map[string][]byte{file: changed}
	}},
	{"the last byte flipped", func(_ *oracle, _, file string, data []byte) map[string][]byte {
		changed := bytes.Clone(data)
		changed[len(changed)-2] ^= 1
		return map[string][]byte{file: changed}
	}},
	{"a line taken out", func(_ *oracle, _, file string, data []byte) map[string][]byte {
		lines := bytes.SplitAfter(data, []byte("\n"))
		return map[string][]byte{file: bytes.Join(slices.Delete(lines, len(lines)/2, len(lines)/2+1), nil)}
	}},
	{"a comment added", func(_ *oracle, _, file string, data []byte) map[string][]byte {
		return map[string][]byte{file: append(bytes.Clone(data), "# x\n"...)}
	}},
	{"another cluster's", func(o *oracle, cluster, file string, data []byte) map[string][]byte {
		other := o.clusters[(slices.Index(o.clusters, cluster)+1)%len(o.clusters)]
		theirs := o.now[strings.ReplaceAll(file, cluster, other)]
		if cluster == "" || theirs == nil || bytes.Equal(theirs, data) {
			return nil
		}
		return map[string][]byte{file: theirs}
	}},
	{"an older one", func(o *oracle, _, file string, data []byte) map[string][]byte {
		if old := o.before[file]; old != nil && !bytes.Equal(old, data) {
			return map[string][]byte{file: old}
		}
		return nil
	}},
	{"a plain object", func(_ *oracle, _, file string, _ []byte) map[string][]byte {
		return map[string][]byte{file: []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: cluster-x, namespace: argocd, labels: {argocd.argoproj.io/secret-type: cluster}}\nstringData: {server: evil}\n")}
	}},
	{"deleted", func(_ *oracle, _, file string, _ []byte) map[string][]byte { return map[string][]byte{file: nil} }},
	{"renamed", func(_ *oracle, _, file string, data []byte) map[string][]byte {
		return map[string][]byte{file: nil, strings.TrimSuffix(file, ".yaml") + "-b.yaml": data}
	}},
	{"a file added beside it", func(_ *oracle, cluster, file string, _ []byte) map[string][]byte {
		if !strings.Contains(file, "/manifests/") && !strings.Contains(file, "/root/") && !strings.Contains(file, "/bootstrap/") {
			return nil
		}
		return map[string][]byte{path.Dir(file) + "/" + map[bool]string{true: cluster + "-"}[strings.Contains(file, "/root/")] + "evil.yml": []byte(evil)}
	}},
}

// lockEdit is what becomes of the lock beside a changed file.
type lockEdit int

const (
	// untouched leaves the lock.
	untouched lockEdit = iota
	// digestMended enters the file's digest.
	digestMended
	// statementGone does that, and takes the signed statement about it out.
	statementGone
)

// mended returns the cluster's lock, or the fleet's, with the digests that the
// changed files have, and without those that are gone; nil where there is nothing
// to mend.
func (o *oracle) mended(t *testing.T, cluster string, changed map[string][]byte, edit lockEdit) (name string, lock []byte) {
	t.Helper()
	name = "clusters/" + cluster + "/lock.yaml"
	if cluster == "" {
		name = "clusters/fleet.lock.yaml"
	}
	if _, itself := changed[name]; itself {
		return name, nil
	}
	hadStatement := false
	mend := func(files map[string]string, sealed map[string]lockfile.SealLock) {
		for file, data := range changed {
			inside := strings.TrimPrefix(file, "clusters/")
			if data == nil {
				delete(files, inside)
				delete(sealed, inside)
				continue
			}
			files[inside] = manifest.Digest(data)
			if _, stated := sealed[inside]; stated && edit == statementGone {
				delete(sealed, inside)
				hadStatement = true
			}
		}
	}
	if cluster == "" && edit == statementGone {
		return name, nil
	}
	if cluster == "" {
		l, err := lockfile.ParseFleet(o.now[name])
		if err != nil {
			t.Fatal(err)
		}
		mend(l.Files, nil)
		lock, err = l.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return name, lock
	}
	l, err := lockfile.Parse(o.now[name])
	if err != nil {
		t.Fatal(err)
	}
	mend(l.Files, l.Sealed)
	if edit == statementGone && !hadStatement {
		return name, nil
	}
	if lock, err = l.Marshal(); err != nil {
		t.Fatal(err)
	}
	return name, lock
}

// put writes the files, and takes away those that are nil.
func (o *oracle) put(t *testing.T, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		if data == nil {
			if err := os.Remove(filepath.Join(o.repo.Root, filepath.FromSlash(name))); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			continue
		}
		o.repo.Write(t, name, data)
	}
}

// undo puts the files back to what they are in the last commit.
func (o *oracle) undo(t *testing.T, files map[string][]byte) {
	t.Helper()
	back := map[string][]byte{}
	for name := range files {
		back[name] = o.now[name]
	}
	o.put(t, back)
}

// names reports whether the report says something of the file.
func names(r *report.Report, file string) bool {
	for _, f := range r.Findings {
		inside := strings.TrimPrefix(file, "clusters/")
		if f.File == file || strings.Contains(f.Message, file) || strings.Contains(f.Message, inside) {
			return true
		}
	}
	for _, c := range r.Clusters {
		if slices.ContainsFunc(c.Changes, func(change report.Change) bool { return change.Path == file }) {
			return true
		}
	}
	return slices.ContainsFunc(r.Fleet, func(change report.Change) bool { return change.Path == file })
}

// Every generated file changed in every way, alone and together with its line in
// the lock: check fails and names it, without any secret, with a warm cache and
// with none.
func TestEveryChangeOfAGeneratedFileIsFound(t *testing.T) {
	o := newOracle(t)
	for _, options := range []pipelines.Options{o.checker, o.builder} {
		r := pipe(t, pipelines.Check, options)
		fleettest.MustPass(t, r, nil)
	}
	groups := append([]string{""}, o.clusters...)
	rounds := 0
	for _, cluster := range groups {
		rounds = max(rounds, len(o.generated(cluster)))
	}
	count := 0
	for _, m := range mutations {
		for _, edit := range []lockEdit{untouched, digestMended, statementGone} {
			for round := range rounds {
				count += o.round(t, m, edit, round, groups)
			}
		}
	}
	if count < 1000 {
		t.Errorf("only %d changes were made", count)
	}
	t.Logf("%d changes", count)
	if left := o.tree(t); !maps.EqualFunc(left, o.now, bytes.Equal) {
		t.Error("the test did not put everything back")
	}
}

// round changes one file of each group at once, looks, and puts them back.
func (o *oracle) round(t *testing.T, m mutation, edit lockEdit, round int, groups []string) (count int) {
	t.Helper()
	all, changed := map[string][]byte{}, map[string]map[string][]byte{}
	for _, cluster := range groups {
		files := o.generated(cluster)
		if round >= len(files) {
			continue
		}
		change := m.change(o, cluster, files[round], o.now[files[round]])
		if change == nil {
			continue
		}
		if edit != untouched {
			name, lock := o.mended(t, cluster, change, edit)
			if lock == nil {
				continue
			}
			all[name] = lock
		}
		maps.Copy(all, change)
		changed[cluster] = change
	}
	if len(changed) == 0 {
		return 0
	}
	o.put(t, all)
	defer o.undo(t, all)
	options := o.checker
	options.NoCache = round%2 == 0
	for cluster := range changed {
		if cluster != "" {
			options.Names = append(options.Names, cluster)
		}
	}
	if _, whole := changed[""]; whole || strings.Contains(m.name, "added") || m.name == "renamed" {
		options.Names = nil
	}
	r := pipe(t, pipelines.Check, options)
	for cluster, files := range changed {
		for file := range files {
			if m.name == "renamed" && files[file] == nil {
				continue // counted with its new name
			}
			if o.now[file] == nil && !deployedOrListed(file, edit != untouched) {
				continue
			}
			named := names(r, file)
			if m.name == "renamed" {
				named = named || names(r, strings.TrimSuffix(file, "-b.yaml")+".yaml")
			}
			if count++; !named || !r.Failed() {
				t.Errorf("%s of %q (lock edit %d, cache: %t): check does not name %s, and says: %s", m.name, cluster, edit, !options.NoCache, file, about(r, cluster))
			}
		}
	}
	return count
}

// deployedOrListed reports whether a new file concerns anybody: one that Argo CD
// reads, or that the lock claims.
func deployedOrListed(file string, mended bool) bool {
	return mended || strings.Contains(file, "/manifests/") || strings.Contains(file, "/root/") || strings.Contains(file, "/bootstrap/")
}

func about(r *report.Report, cluster string) string {
	var all []string
	for _, f := range r.Findings {
		if f.Cluster == cluster {
			all = append(all, f.String())
		}
	}
	return strings.Join(all, "\n  ")
}

// A cluster put back as a whole to the commit before, lock and all, where nothing
// but its registration has changed since: only the serial tells.
func TestARollbackIsFound(t *testing.T) {
	o := newOracle(t)
	for _, name := range []string{"own", "hidden"} {
		t.Run(name, func(t *testing.T) {
			files := map[string][]byte{}
			for _, file := range append(o.generated(name), "clusters/"+name+"/spec.yaml") {
				files[file] = o.before[file]
			}
			o.put(t, files)
			defer o.undo(t, files)
			for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build} {
				options := o.builder
				options.DryRun = true
				r := pipe(t, p, options)
				if !r.Failed() || !has(r, trust.RuleRollback) || !names(r, "clusters/root/"+name+".cluster.yaml") {
					fleettest.Print(t, r)
					t.Error("the rollback is not found")
				}
			}
		})
	}
}

// Specs, the fleet and extras changed in every way: a run with a warm cache says
// the same as one without any.
func TestTheCacheChangesNoAnswer(t *testing.T) {
	o := newOracle(t)
	o.builder.DryRun = true
	for _, cluster := range o.clusters {
		for _, file := range []string{"spec.yaml", "extra/policy.yaml", "lock.yaml"} {
			name := "clusters/" + cluster + "/" + file
			for _, m := range mutations[:6] {
				change := m.change(o, cluster, name, o.now[name])
				if change == nil {
					continue
				}
				o.put(t, change)
				answer := func(noCache bool) string {
					options := o.builder
					options.NoCache, options.Names = noCache, []string{cluster}
					r, err := pipelines.Build(t.Context(), options)
					if err != nil {
						return err.Error()
					}
					var b strings.Builder
					for _, f := range r.Findings {
						fmt.Fprintln(&b, f.String())
					}
					for _, c := range r.Clusters {
						fmt.Fprintln(&b, c.Name, c.Status, c.Changes, c.Reasons)
					}
					return b.String()
				}
				if warm, cold := answer(false), answer(true); warm != cold {
					t.Errorf("%s, %s: with a warm cache\n%s\nwithout\n%s", name, m.name, warm, cold)
				}
				o.undo(t, change)
			}
		}
	}
}
