package pipelines_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain"
)

// committer changes a repository without a plan, and commits.
type committer struct {
	person
	t       *testing.T
	repo    fleettest.Repo
	options pipelines.Options
	named   int
}

// clusters returns the folders that are clusters, or were.
func (c *committer) clusters() []string {
	c.t.Helper()
	entries, err := os.ReadDir(filepath.Join(c.repo.Root, "clusters"))
	if err != nil {
		c.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "root" && e.Name() != "bootstrap" {
			all = append(all, e.Name())
		}
	}
	return all
}

func (c *committer) at(name string) string { return filepath.Join(c.repo.Root, "clusters", name) }

// specFields are lines of a spec.
var specFields = []string{
	"  serviceCIDR: 10.97.0.0/16\n", "  namespace: elsewhere\n", "  retire: true\n", "  retire: true\n", "  argocd: {deletion: cascade}\n", "  argocd: {automated: false}\n", "  podSecurity: {enforce: privileged}\n",
	"  values: {replicas: 2}\n", "  ingress: {enabled: true, host: \"{name}.example.com\"}\n", "  server: \"https://{name}.example.com\"\n", "  values: {vcluster: {image: rancher/k3s:v1.30.0}}\n", "",
}

func (c *committer) spec(name string) {
	chart := c.one([]string{"vcluster", "vcluster", "c"})
	text := "  chart: {path: charts/" + chart + "}\n"
	for _, field := range []string{c.one(specFields), c.one(specFields)} {
		if key, _, _ := strings.Cut(field, ":"); field != "" && !strings.Contains(text, key+":") {
			text += field
		}
	}
	c.repo.Cluster(c.t, name, text)
}

// moved takes a cluster's folder to another name, or copies it there. Often the name in the
// spec follows.
func (c *committer) moved(from string, copied bool) {
	c.named++
	to := fmt.Sprint("n", c.named)
	var err error
	if copied {
		err = os.CopyFS(c.at(to), os.DirFS(c.at(from)))
	} else {
		err = os.Rename(c.at(from), c.at(to))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	spec := filepath.Join(c.at(to), "spec.yaml")
	if data, err := os.ReadFile(spec); err == nil && !c.oneIn(4) {
		c.repo.Write(c.t, "clusters/"+to+"/spec.yaml", bytes.Replace(data, []byte("{name: "+from+"}"), []byte("{name: "+to+"}"), 1))
	}
	if copied && c.oneIn(2) {
		_ = os.Remove(filepath.Join(c.at(to), "lock.yaml"))
	}
}

// step changes something.
func (c *committer) step() {
	all := c.clusters()
	if len(all) == 0 {
		c.spec("a")
		return
	}
	name := all[c.IntN(len(all))]
	switch c.IntN(12) {
	case 0, 1, 2:
		c.spec(name)
	case 3:
		c.moved(name, false)
	case 4:
		c.moved(name, true)
	case 5:
		_ = os.Remove(filepath.Join(c.at(name), "spec.yaml"))
	case 6:
		_ = os.RemoveAll(c.at(name))
	case 7, 8: // back to a commit before, with all of it or with one folder
		where := c.one([]string{"clusters", "clusters/" + name})
		_ = exec.Command("git", "-C", c.repo.Root, "checkout", "-q", fmt.Sprint("HEAD~", c.IntN(3)), "--", where).Run() // there may be none
	case 9:
		fleet := string(c.repo.Read(c.t, "clusters/fleet.yaml"))
		old, now := "spec:\n", "spec:\n  "+c.one([]string{"accept: [{change: chart, from: a, to: b}]", "defaults: {podSecurity: {warn: baseline}}", "rings: [{name: all}]"})+"\n"
		if c.oneIn(3) {
			old, now = "platform.git\"", "platform.git\", revision: "+c.one([]string{"main", "next"})
		}
		if !strings.Contains(fleet, strings.TrimSpace(strings.TrimPrefix(now, old))[:4]) {
			c.repo.Write(c.t, "clusters/fleet.yaml", []byte(strings.Replace(fleet, old, now, 1)))
		}
	case 10:
		c.repo.Write(c.t, "clusters/"+name+"/extra/own.yaml", []byte(extraPolicy))
	default:
		_ = os.Remove(filepath.Join(c.at(name), c.one([]string{"lock.yaml", "values.yaml", "manifests/namespace.yaml"})))
	}
}

// commit commits, most often what a build has made of it.
func (c *committer) commit() {
	c.t.Helper()
	if !c.oneIn(4) {
		options := c.options
		options.AllowPrune = c.oneIn(2)
		errorsOf(c.t, pipe(c.t, pipelines.Build, options))
	}
	c.repo.Git(c.t, "add", "-A")
	c.repo.Git(c.t, "commit", "-qm", "a step", "--allow-empty")
}

// seen returns what the pipeline says of the step to HEAD, in a repository in any folder.
func (c *committer) seen(root string, with toolchain.Toolchain, p pipelines.Pipeline) string {
	c.t.Helper()
	options := fleettest.Repo{Root: root}.Options(c.t, with)
	options.Against, options.Diff = "HEAD~1", true
	r := pipe(c.t, p, options)
	errorsOf(c.t, r)
	var b bytes.Buffer
	if err := report.Write(&b, r, report.Options{Format: "json"}); err != nil {
		c.t.Fatal(err)
	}
	if strings.Contains(b.String(), root) {
		c.t.Errorf("the report names this machine's folder %s", root)
	}
	return b.String()
}

// same fails where a full clone, a shallow one and another working copy do not say of the
// last commit what the repository says.
func (c *committer) same(with toolchain.Toolchain) {
	c.t.Helper()
	place := c.t.TempDir()
	roots := map[string]string{"the repository itself": c.repo.Root}
	for name, args := range map[string][]string{
		"a clone":         {"clone", "-q", "file://" + c.repo.Root},
		"a shallow clone": {"clone", "-q", "--depth=2", "file://" + c.repo.Root},
		"a working copy":  {"-C", c.repo.Root, "worktree", "add", "-q", "--detach"},
	} {
		roots[name] = filepath.Join(place, name+" é", "x y")
		if out, err := exec.Command("git", append(args, roots[name])...).CombinedOutput(); err != nil {
			c.t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	for what, p := range map[string]pipelines.Pipeline{"check": pipelines.Check, "plan": pipelines.Plan} {
		want := c.seen(c.repo.Root, with, p)
		for name, root := range roots {
			if got := c.seen(root, with, p); got != want {
				c.t.Errorf("a %s in %s says\n%s\nand in the repository\n%s", what, name, got, want)
			}
		}
	}
}

// Whatever commits do, check and plan say the same of the last one, in every clone of the
// repository.
func TestAnyHistory(t *testing.T) {
	forSeeds(t, 2, func(t *testing.T, p person) {
		with := tools(t)
		c := &committer{person: p, t: t, repo: smallCharts(t)}
		c.options = c.repo.Options(t, with)
		c.repo.Write(t, ".gitignore", []byte(".cache\n"))
		if p.oneIn(2) {
			key, err := seal.ParseKey(sealKey)
			if err != nil {
				t.Fatal(err)
			}
			fleet := string(c.repo.Read(t, "clusters/fleet.yaml"))
			c.repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(fleet, "certificate: sealed-secrets.crt", "certificate: sealed-secrets.crt, publicKey: "+`"`+key.Public()+`"`, 1)))
			c.options.SealKey = sealKey
		}
		for _, name := range []string{"a", "b", "c"} {
			c.spec(name)
		}
		c.repo.Commit(t)
		for range 3 {
			for range 1 + p.IntN(2) {
				c.step()
			}
			c.commit()
			c.same(with)
		}
	})
}
