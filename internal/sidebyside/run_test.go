package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"kasou/internal/upstream"
)

// TestARun times fleets of three with everything real but the containers, so
// that the benchmark works when it is wanted.
func TestARun(t *testing.T) {
	t.Setenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", "")
	t.Setenv("DAGGER_SESSION_PORT", "")
	for name, chart := range map[string]func(t *testing.T) string{
		"own":    func(*testing.T) string { return filepath.Join("..", "..", "charts", "vcluster") },
		"oldest": func(t *testing.T) string { return upstream.Chart(t, oldest) },
		"newest": func(t *testing.T) string { return upstream.Chart(t, newest) },
	} {
		t.Run(name, func(t *testing.T) {
			var out, progress bytes.Buffer
			s := settings{charts: []string{chart(t)}, sizes: []int{3}, runs: 2, largeRuns: 1, sample: 2, jobs: 2}
			if err := run(t.Context(), s, &out, &progress); err != nil {
				t.Fatal(err)
			}
			for _, c := range []contestant{loop, shell, cold, unchanged, oneChanged, check} {
				if n := strings.Count(progress.String(), "  "+string(c)+" "); n != 2 {
					t.Errorf("%s ran %d times, want 2", c, n)
				}
				if !strings.Contains(out.String(), "| "+string(c)+" | ") {
					t.Errorf("no row of %s", c)
				}
			}
			if !strings.Contains(out.String(), "Containers were left out: no engine") {
				t.Error("it does not say that containers were not timed")
			}
			// The charts up to 0.19 render no Secret.
			if sealed := !strings.Contains(out.String(), "kubeseal not called"); sealed != (name == "newest") {
				t.Errorf("kubeseal was called: %t", sealed)
			}
			if t.Failed() {
				t.Logf("%s\n%s", out.String(), progress.String())
			}
		})
	}
}

func TestChartsThatAreNotThereAreSkippedAloud(t *testing.T) {
	var progress bytes.Buffer
	s, err := parse([]string{"-charts-dir", t.TempDir(), "-charts", "vcluster-0.4.3,../../charts/vcluster", "-sizes", "7"}, &progress)
	if err != nil || len(s.charts) != 1 || len(s.sizes) != 1 || s.sizes[0] != 7 {
		t.Errorf("settings %+v, error %v", s, err)
	}
	if said := progress.String(); !strings.HasPrefix(said, "SKIPPED: ") || !strings.Contains(said, "vcluster-0.4.3.tgz") {
		t.Errorf("said %q", said)
	}
	for _, args := range [][]string{{"-charts-dir", t.TempDir()}, {"-sizes", "10,x"}, {"-sizes", "0"}, {"-runs", "0"}, {"-sample", "0"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestOtherWorkIsNotTakenForTheSame(t *testing.T) {
	root := t.TempDir()
	c := &commands{repo: repo{root: root}, clusters: []int{0}, out: filepath.Join(root, "out")}
	ours, theirs := "clusters/team-00000/manifests/a/b.yaml", "out/team-00000/a/b.yaml"
	for name, test := range map[string]struct {
		ours, theirs string
		same         bool
	}{
		"same":       {"kind: Role\n", "kind: Role\n", true},
		"other":      {"kind: Role\n", "kind: Role\na: b\n", false},
		"ciphertext": {"kind: SealedSecret\na: 1\n", "kind: SealedSecret\na: 2\n", true},
		"plaintext":  {"kind: SealedSecret\na: 1\n", "kind: Secret\na: 2\n", false},
	} {
		for file, data := range map[string]string{ours: test.ours, theirs: test.theirs} {
			if err := c.write(file, []byte(data)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.same(); (err == nil) != test.same {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(filepath.Join(root, ours)); err != nil {
		t.Fatal(err)
	}
	if c.same() == nil {
		t.Error("a file that kasou did not make goes unseen")
	}
	if err := os.Remove(filepath.Join(root, theirs)); err != nil {
		t.Fatal(err)
	}
	if c.same() == nil {
		t.Error("helm made nothing, and that goes unseen")
	}
}

func TestMemoryOfAllProcessesIsSeen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: there is no /proc")
	}
	const each = 64 << 20
	if os.Getenv("SIDEBYSIDE_HOLDS") != "" {
		held := bytes.Repeat([]byte{1}, each)
		holdTogether(t, os.Getenv("SIDEBYSIDE_HOLDS"))
		runtime.KeepAlive(held)
		return
	}
	together := t.TempDir()
	m, err := timed(func() (time.Duration, error) {
		// A shell between, and two at once: descendants, not only children.
		both := `"$0" -test.run "$1" & "$0" -test.run "$1"; wait`
		return command{env: []string{"SIDEBYSIDE_HOLDS=" + together}, args: []string{"sh", "-c", both, os.Args[0], "^" + t.Name() + "$"}}.run(context.Background())
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.own < 2*each || m.own > 8*each || m.resident <= m.own {
		t.Errorf("two processes with %s each: %s, %s with mapped files", mebibytes(each), mebibytes(m.own), mebibytes(m.resident))
	}
	if m.wall < 500*time.Millisecond || m.cpu == 0 {
		t.Errorf("wall %s, cpu %s", m.wall, m.cpu)
	}
}

// holdTogether ends some time after two processes have called it with the folder:
// longer than whoever watches them waits between two looks.
func holdTogether(t *testing.T, folder string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(os.Getpid())), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for {
		all, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 2 {
			time.Sleep(20 * loosely)
			return
		}
		time.Sleep(closely)
	}
}

func TestAnEngineThatIsNotThereEndsNothing(t *testing.T) {
	t.Setenv("DAGGER_SESSION_PORT", "")
	t.Setenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", "unix://"+filepath.Join(t.TempDir(), "engine.sock"))
	t.Setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", "false")
	b := &bench{settings: settings{charts: []string{filepath.Join("..", "..", "charts", "vcluster")}, jobs: 1},
		tools: tools{kasou: "false"}, dir: t.TempDir(), progress: io.Discard}
	if err := b.openDagger(t.Context()); err != nil || b.without == "" {
		t.Errorf("error %v, left out: %q", err, b.without)
	}
}

func TestAFailureSaysWhatTheCommandSaid(t *testing.T) {
	_, err := command{args: []string{"sh", "-c", "echo the reason >&2; exit 3"}}.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("error %v", err)
	}
}

func TestAChildThatHasNotStartedItsProgramCountsNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: there is no /proc")
	}
	const mine = 512 << 20
	held := bytes.Repeat([]byte{1}, mine)
	m, err := timed(func() (time.Duration, error) {
		for end := time.Now().Add(time.Second); time.Now().Before(end); {
			if _, err := (command{args: []string{"true"}}).run(t.Context()); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.own >= mine {
		t.Errorf("`true` takes %s", mebibytes(m.own))
	}
	runtime.KeepAlive(held)
}
