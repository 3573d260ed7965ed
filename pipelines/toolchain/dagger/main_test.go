package dagger

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

// stateEnv names the folder in which the engine keeps its state, if this
// machine sees it.
const stateEnv = "KASOU_TEST_ENGINE_STATE"

func TestMain(m *testing.M) {
	embedded.WorkerMain()
	code := m.Run()
	if shared != nil {
		_ = shared.Close()
	}
	os.Exit(code)
}

// needEngine skips the test where no engine is named.
func needEngine(t testing.TB) {
	t.Helper()
	if inSession(os.Getenv) {
		return
	}
	if os.Getenv(runnerHostEnv) == "" {
		t.Skipf("SKIPPED: no Dagger engine: set %s, such as to unix:///run/dagger/engine.sock, or run the tests with `dagger run`", runnerHostEnv)
	}
	if _, err := exec.LookPath("dagger"); err != nil && os.Getenv(cliEnv) == "" {
		t.Skipf("SKIPPED: no dagger command: put it in PATH, or name it in %s", cliEnv)
	}
}

var (
	sharedOnce sync.Once
	shared     *Toolchain
	sharedErr  error
)

// connected returns the toolchain that most tests share.
func connected(t testing.TB) *Toolchain {
	t.Helper()
	needEngine(t)
	sharedOnce.Do(func() { shared, sharedErr = Connect(t.Context(), Options{Cache: toolCache(t), Log: testLog}) })
	if sharedErr != nil {
		t.Fatal(sharedErr)
	}
	return shared
}

// testLog keeps what the session says.
var testLog = &lockedBuffer{}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// toolCache is one for all runs of the tests: building the tools takes minutes.
func toolCache(t testing.TB) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "kasou-test")
}

// both are the two toolchains to hold against each other.
func both(t testing.TB) (embeddedOne, daggerOne toolchain.Toolchain) {
	t.Helper()
	d := connected(t)
	e, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e, d
}

// chartFile reads a packaged chart.
func chartFile(t testing.TB, path string) toolchain.Chart {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return toolchain.Chart{Name: "vcluster", Digest: manifest.Digest(data), Archive: data, Source: path}
}

func release(ch toolchain.Chart, values string) toolchain.Release {
	return toolchain.Release{Name: "dev", Namespace: "team", Chart: ch, KubeVersion: "1.34.1", Values: []byte(values)}
}
