package dagger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kasou/internal/charttest"
	"kasou/pipelines/toolchain"
)

// noSession takes the variables of `dagger run` away, which would go first.
func noSession(t *testing.T) {
	for _, name := range []string{"DAGGER_SESSION_PORT", "DAGGER_SESSION_TOKEN"} {
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

func wantFault(t *testing.T, err error, want Fault, says ...string) {
	t.Helper()
	var e *EngineError
	if !errors.As(err, &e) || e.Fault != want {
		t.Fatalf("error %v (%T), want fault %d", err, err, want)
	}
	for _, text := range append(says, "--toolchain embedded") {
		if want != Lost && !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}

func TestAnEngineThatIsNotThere(t *testing.T) {
	noSession(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, host := range map[string]string{
		"none named":     "",
		"no such socket": "unix://" + filepath.Join(t.TempDir(), "none.sock"),
		"no such port":   "tcp://127.0.0.1:9",
		"silent":         "tcp://" + silent.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "silent" {
				needEngine(t) // for the dagger command
			}
			t.Setenv(runnerHostEnv, host)
			start := time.Now()
			_, err := Connect(t.Context(), Options{Cache: t.TempDir(), ConnectTimeout: 3 * time.Second})
			wantFault(t, err, Unreachable, host)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// session pretends to be a Dagger session of another version.
func session(t *testing.T, version string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"data":{"version":%q}}`, version)
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DAGGER_SESSION_PORT", u.Port())
	t.Setenv("DAGGER_SESSION_TOKEN", "token")
}

func TestAnEngineOfAnotherVersion(t *testing.T) {
	session(t, "v0.18.0")
	_, err := Connect(t.Context(), Options{Cache: t.TempDir()})
	wantFault(t, err, Unsupported, "v0.18.0", supported, SDKVersion)
}

func TestASessionThatIsGone(t *testing.T) {
	t.Setenv("DAGGER_SESSION_PORT", "9")
	t.Setenv("DAGGER_SESSION_TOKEN", "token")
	_, err := Connect(t.Context(), Options{Cache: t.TempDir()})
	wantFault(t, err, Unreachable, "this session")
}

func TestSupports(t *testing.T) {
	for version, want := range map[string]bool{
		"v0.19.11": true, "v0.20.0": true, "v0.21.8": true, "0.21.0": true, "v0.21.9-260101000000-dev": true,
		"v0.19.10": false, "v0.18.0": false, "v0.22.0": false, "v1.0.0": false, "": false, "dev": false,
	} {
		if got := supports(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

func TestAvailable(t *testing.T) {
	for want, variables := range map[bool][]map[string]string{
		true:  {{"DAGGER_SESSION_PORT": "1", "DAGGER_SESSION_TOKEN": "t"}, {runnerHostEnv: "unix:///x"}},
		false: {{}, {"DAGGER_SESSION_PORT": "1"}, {cliEnv: "/bin/dagger"}},
	} {
		for _, v := range variables {
			if got := Available(func(name string) string { return v[name] }); got != want {
				t.Errorf("%v: %v", v, got)
			}
		}
	}
}

// proxy stands between a session and the engine until it is cut.
type proxy struct {
	listener net.Listener
	ctx      context.Context
	cut      context.CancelFunc
}

func newProxy(t *testing.T, socket string) *proxy {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "engine.sock"))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener}
	p.ctx, p.cut = context.WithCancel(context.Background())
	context.AfterFunc(p.ctx, func() { _ = listener.Close() })
	t.Cleanup(p.cut)
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				_ = near.Close()
				continue
			}
			context.AfterFunc(p.ctx, func() { _, _ = near.Close(), far.Close() })
			go relay(near, far)
			go relay(far, near)
		}
	}()
	return p
}

func relay(to, from net.Conn) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

func TestAnEngineThatIsLostHalfWay(t *testing.T) {
	needEngine(t)
	host, ok := strings.CutPrefix(os.Getenv(runnerHostEnv), "unix://")
	if !ok {
		t.Skipf("SKIPPED: %s is not a unix socket, so nothing can stand in between", runnerHostEnv)
	}
	noSession(t)
	p := newProxy(t, host)
	t.Setenv(runnerHostEnv, "unix://"+p.listener.Addr().String())
	d, err := Connect(t.Context(), Options{Cache: toolCache(t)})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := d.Template(t.Context(), release(charttest.Pack(t, nil), ""))[0].Get(); err != nil {
		t.Fatal(err)
	}
	endless := charttest.Pack(t, map[string]string{"templates/a.yaml": `{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`})
	time.AfterFunc(2*time.Second, p.cut)
	_, err = d.Template(t.Context(), release(endless, ""))[0].Get()
	var chart *toolchain.ChartError
	if errors.As(err, &chart) {
		t.Errorf("the chart is blamed: %v", err)
	}
	wantFault(t, err, Lost)
	_, err = d.Template(t.Context(), release(endless, "a: b\n"))[0].Get()
	wantFault(t, err, Lost)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %s to notice and to end", took)
	}
}
