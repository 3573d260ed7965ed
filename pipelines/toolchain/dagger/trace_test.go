package dagger

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kasou/internal/fleettest"
)

// example copies what people write of the example, and gives its chart a
// template. It is a git repository, as ci wants it.
func example(t *testing.T, template string) fleettest.Repo {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	repo := fleettest.New(t, "1.34.1")
	if err := os.CopyFS(filepath.Join(repo.Root, "charts"), os.DirFS(filepath.Join(root, "charts"))); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"clusters/fleet.yaml", "clusters/development/spec.yaml", "clusters/team-a/spec.yaml"} {
		repo.Copy(t, file, filepath.Join(root, file))
	}
	repo.Write(t, "charts/vcluster/templates/added.yaml", []byte(template))
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "Begin"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = repo.Root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return repo
}

// daggerRun builds the repository as CI does, and gives all that is printed,
// without colours.
func daggerRun(t *testing.T, repo fleettest.Repo) (printed string, code int) {
	t.Helper()
	ci := filepath.Join(t.TempDir(), "ci")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", ci, "kasou/ci").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cli := os.Getenv(cliEnv)
	if cli == "" {
		cli = "dagger"
	}
	cmd := exec.CommandContext(t.Context(), cli, "run", "--progress=plain", ci, "build", "--publish", "none", "--toolchain", "dagger")
	cmd.Dir = repo.Root
	cmd.Env = append(os.Environ(), "KASOU_CACHE="+toolCache(t), "GITHUB_ACTIONS=", "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("dagger run: %v\n%s", err, out)
	}
	return regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(string(out), ""), cmd.ProcessState.ExitCode()
}

// noise is what Dagger's own spans say, and what goes into the tools and out.
var noise = []string{"withExec", "withMounted", "withEnvVariable", "Host.", "filesync", ".yaml DONE",
	"statusValid", "wrote /out", "kind: Secret"}

func quiet(t *testing.T, printed string) {
	t.Helper()
	for _, word := range noise {
		if strings.Contains(printed, word) {
			t.Errorf("the trace has %q", word)
		}
	}
	if t.Failed() {
		t.Logf("printed:\n%s", printed)
	}
}

// traceOf returns the lines that `dagger run` prints of spans: what ci prints
// itself has no number before it.
func traceOf(printed string) string {
	return strings.Join(regexp.MustCompile(`(?m)^\d+ +: .*$`).FindAllString(printed, -1), "\n")
}

func TestTheTraceHasASpanForEachToolAndCluster(t *testing.T) {
	needEngine(t)
	// New each time, so that the tools run and nothing comes from the cache.
	canary := rand.Text() + rand.Text()
	repo := example(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: canary, namespace: {{ .Release.Namespace }}}\nstringData: {a: "+canary+"}\n")
	printed, code := daggerRun(t, repo)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	drawn := traceOf(printed)
	for _, name := range []string{"prepare the tools", "helm template development", "helm template team-a",
		"kubeseal development canary", "kubeseal team-a canary", "kubeconform development", "kubeconform team-a"} {
		if n := len(regexp.MustCompile(`(?m): +`+name+` DONE`).FindAllString(drawn, -1)); n != 1 {
			t.Errorf("%q ends %d times in the trace, not once", name, n)
		}
	}
	if strings.Contains(printed, canary) {
		t.Error("the Secret's value is in what was printed")
	}
	quiet(t, drawn)
}

func TestTheTraceOfAChartThatFailsIsShort(t *testing.T) {
	needEngine(t)
	printed, code := daggerRun(t, example(t, "x: {{ fail \""+rand.Text()+"\" }}\n"))
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	drawn := traceOf(printed)
	for _, cluster := range []string{"development", "team-a"} {
		if !strings.Contains(drawn, "helm template "+cluster+": exit code 1 DONE") {
			t.Errorf("the trace does not say that %s failed", cluster)
		}
	}
	quiet(t, drawn)
}

func underDaggerRun(endpoint string) func(string) string {
	return func(name string) string {
		return map[string]string{
			"DAGGER_SESSION_PORT": "1", "DAGGER_SESSION_TOKEN": "x", tracesEnv: endpoint,
			traceParentEnv: "00-a572e008344719d66e43794e4f98a07c-78a9bc155c28c72a-01",
		}[name]
	}
}

func TestATraceThatNobodyTakesHoldsNothingUp(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for name, endpoint := range map[string]string{
		"nobody there": "http://127.0.0.1:1/v1/traces", "nobody answers": "http://" + silent.Addr().String() + "/v1/traces", "no address": "::",
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			trace := openTrace(t.Context(), underDaggerRun(endpoint))
			for range 5000 { // more than the queue holds
				_, end := trace.start(t.Context(), "helm template a")
				end(errors.New("no"))
			}
			trace.close()
			if took := time.Since(begin); took > flushTimeout+3*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestNoTraceWithoutDaggerRun(t *testing.T) {
	nobody := func(name string) string {
		return map[string]string{tracesEnv: "http://127.0.0.1:1/v1/traces", traceParentEnv: "00-a572e008344719d66e43794e4f98a07c-78a9bc155c28c72a-01"}[name]
	}
	trace := openTrace(t.Context(), nobody)
	if trace != nil {
		t.Fatal("a trace outside of `dagger run`")
	}
	ctx, end := trace.start(context.Background(), "helm template a")
	end(nil)
	trace.close()
	if ctx != context.Background() {
		t.Error("the context is another")
	}
}
