package cli

import (
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"kasou/internal/charttest"
	"kasou/internal/githubtest"
	"kasou/internal/upstream"
)

var update = flag.Bool("update", false, "rewrite the outputs in the scripts")

// TestScripts runs the real binary as a person does, on a clone of the example:
// testdata/script.
func TestScripts(t *testing.T) {
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+string(os.PathSeparator), "../..", "../../ci")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Condition: func(name string) (bool, error) {
			version, known := strings.CutPrefix(name, "chart:")
			if !known {
				return false, fmt.Errorf("there is no condition %s", name)
			}
			_, err := os.Stat(filepath.Join(upstream.Dir(), "vcluster-"+version+".tgz"))
			return upstream.Dir() != "" && err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"github-issues": writeIssues, "github-close": closePull, "github-add": addPull,
			"upstream-fleet": upstreamFleet, "lines": countLines,
			"chart-release": func(script *testscript.TestScript, _ bool, args []string) { releaseChart(t, script, args) },
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("KASOU_CACHE", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			fake := githubtest.Start(t)
			env.Values["github"] = fake
			env.Setenv("GITHUB_API_URL", fake.URL)
			charts := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(env.WorkDir, ".charts"))))
			t.Cleanup(charts.Close)
			env.Setenv("CHARTS", charts.URL)
			env.Setenv("GITHUB_REPOSITORY", "acme/platform")
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				env.Setenv("GIT_"+who+"_NAME", "A Person")
				env.Setenv("GIT_"+who+"_EMAIL", "person@example.com")
			}
			for _, folder := range []string{"clusters", "charts"} {
				if err := os.CopyFS(filepath.Join(env.WorkDir, "repo", folder), os.DirFS(filepath.Join(repo, folder))); err != nil {
					return err
				}
			}
			return initGit(filepath.Join(env.WorkDir, "repo"))
		},
	})
}

// writeIssues is the command github-issues FILE: it writes what the fake of
// GitHub has to the file, and how often it was written to since the last time.
func writeIssues(script *testscript.TestScript, _ bool, args []string) {
	fake, ok := script.Value("github").(*githubtest.GitHub)
	if !ok || len(args) != 1 {
		script.Fatalf("usage: github-issues FILE")
	}
	var b strings.Builder
	for n := 1; n <= fake.Count(); n++ {
		i := fake.Issue(n)
		fmt.Fprintf(&b, "#%d %s: %s\n", n, i.State, i.Title)
		if i.PullRequest != nil {
			fmt.Fprintf(&b, "%s -> %s\n", i.Head.Ref, i.Base.Ref)
		}
		fmt.Fprintf(&b, "%s\n%s\n", i.Body, strings.Join(i.Comments, "\n"))
	}
	fmt.Fprintf(&b, "writes: %d\n", len(fake.Writes()))
	script.Check(os.WriteFile(script.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// closePull is the command github-close NUMBER merged|closed.
func closePull(script *testscript.TestScript, _ bool, args []string) {
	fake, ok := script.Value("github").(*githubtest.GitHub)
	if !ok || len(args) != 2 {
		script.Fatalf("usage: github-close NUMBER merged|closed")
	}
	n, err := strconv.Atoi(args[0])
	script.Check(err)
	if args[1] == "merged" {
		fake.Merge(n)
		return
	}
	fake.Close(n)
}

// addPull is the command github-add TITLE: a person opens a pull request.
func addPull(script *testscript.TestScript, _ bool, args []string) {
	fake, ok := script.Value("github").(*githubtest.GitHub)
	if !ok || len(args) != 1 {
		script.Fatalf("usage: github-add TITLE")
	}
	fake.Add(githubtest.Issue{Title: args[0], User: githubtest.User{Login: "alice", Type: "User"}, PullRequest: &struct{}{}})
}

// upstreamFleet is the command upstream-fleet DIR COUNT VERSION...: it makes a
// repository, with a commit, of so many clusters of the real chart of the first
// version, and a chart repository of all versions at $CHARTS. Hosts of the first 49
// clusters are of another domain.
func upstreamFleet(script *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		script.Fatalf("usage: upstream-fleet DIR COUNT VERSION...")
	}
	count, err := strconv.Atoi(args[1])
	script.Check(err)
	write := func(file string, data []byte) {
		file = filepath.Join(script.MkAbs(args[0]), file)
		script.Check(os.MkdirAll(filepath.Dir(file), 0o755))
		script.Check(os.WriteFile(file, data, 0o644))
	}
	index := "apiVersion: v1\nentries:\n  vcluster:\n"
	for _, version := range args[2:] {
		name := "vcluster-" + version + ".tgz"
		data, err := os.ReadFile(filepath.Join(upstream.Dir(), name))
		script.Check(err)
		write("charts/"+name, data)
		write("../.charts/"+name, data)
		index += fmt.Sprintf("  - {apiVersion: v2, name: vcluster, version: %s, urls: [%s]}\n", version, name)
	}
	write("../.charts/index.yaml", []byte(index))
	certificate, err := os.ReadFile(script.MkAbs("repo/clusters/sealed-secrets.crt"))
	script.Check(err)
	write("clusters/sealed-secrets.crt", certificate)
	write("clusters/fleet.yaml", fmt.Appendf(nil, `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://github.com/acme/platform.git"}
  host: {kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0/16}
  sealing: {certificate: sealed-secrets.crt}
  defaults:
    chart: {path: charts/vcluster-%s.tgz}
    ingress: {className: nginx}
`, args[2]))
	const others = 49
	for i := 1; i <= count; i++ {
		domain := "example.net"
		if i <= others {
			domain = "example.com"
		}
		write(fmt.Sprintf("clusters/c%04d/spec.yaml", i), fmt.Appendf(nil,
			"apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: c%04d}\nspec:\n  ingress: {enabled: true, host: c%04d.%s}\n", i, i, domain))
	}
	script.Check(initGit(script.MkAbs(args[0])))
}

// countLines is the command lines FILE MOST: it fails where the file has more lines.
func countLines(script *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		script.Fatalf("usage: lines FILE MOST")
	}
	most, err := strconv.Atoi(args[1])
	script.Check(err)
	if n := strings.Count(script.ReadFile(args[0]), "\n"); n > most {
		script.Fatalf("%s has %d lines, at most %d are to be read", args[0], n, most)
	}
}

// releaseChart is the command chart-release VERSION [OLD NEW]: it puts the example's
// chart, with a text replaced, into the chart repository at $CHARTS.
func releaseChart(t *testing.T, script *testscript.TestScript, args []string) {
	if len(args) != 1 && len(args) != 3 {
		script.Fatalf("usage: chart-release VERSION [OLD NEW]")
	}
	from, to := script.MkAbs("../repo/charts/vcluster"), script.MkAbs("../.charts")
	replace := strings.NewReplacer(append([]string{"version: 0.4.3\nappVersion", "version: " + args[0] + "\nappVersion"}, args[1:]...)...)
	files := map[string]string{}
	err := filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		name, _ := filepath.Rel(from, file)
		files[filepath.ToSlash(name)] = replace.Replace(string(data))
		return err
	})
	script.Check(err)
	// Every release has something to seal, which no two builds seal alike.
	files["templates/settings.yaml"] = "apiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Release.Name }}-settings, namespace: {{ .Release.Namespace }}}\ndata: {chart: {{ .Chart.Version | b64enc }}}\n"
	script.Check(os.MkdirAll(to, 0o755))
	archive := charttest.Pack(t, files).Archive
	script.Check(os.WriteFile(filepath.Join(to, "vcluster-"+args[0]+".tgz"), archive, 0o644))
	index := "apiVersion: v1\nentries:\n  vcluster:\n"
	released, err := filepath.Glob(filepath.Join(to, "*.tgz"))
	script.Check(err)
	for _, file := range released {
		name := filepath.Base(file)
		version := strings.TrimSuffix(strings.TrimPrefix(name, "vcluster-"), ".tgz")
		index += fmt.Sprintf("  - {apiVersion: v2, name: vcluster, version: %s, urls: [%s]}\n", version, name)
	}
	script.Check(os.WriteFile(filepath.Join(to, "index.yaml"), []byte(index), 0o644))
}

func initGit(dir string) error {
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"add", "-A"},
		{"-c", "user.name=A Person", "-c", "user.email=person@example.com", "commit", "-q", "-m", "example"},
	} {
		c := exec.Command("git", args...)
		c.Dir = dir
		if err := c.Run(); err != nil {
			return err
		}
	}
	return nil
}
