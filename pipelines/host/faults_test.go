package host

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// after answers with fault n times, then with next.
func after(n int32, fault, next http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= n {
			fault(w, r)
			return
		}
		next(w, r)
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`{"kind":"Secret"`))
}

func busy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "0")
	status(w, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, "slow down")
}

// waitFor is how long a test waits for an answer: the short time only for one
// that never comes, because a busy machine takes long for the others.
func waitFor(fault string, short time.Duration) time.Duration {
	if fault == "silence" {
		return short
	}
	return time.Minute
}

func TestFaultsThatPass(t *testing.T) {
	good := secretOf(map[string][]byte{"config": []byte("the file")})
	for name, fault := range map[string]http.HandlerFunc{
		"429":       busy,
		"500":       refuse(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcdserver: leader changed"),
		"502":       text(http.StatusBadGateway, "<html>bad gateway</html>"),
		"503":       refuse(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "starting"),
		"504":       refuse(http.StatusGatewayTimeout, metav1.StatusReasonTimeout, "etcdserver: request timed out"),
		"hang up":   hangUp,
		"break off": breakOff,
		"silence":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{secretPath: after(2, fault, good)})
			got, err := ReadKubeconfig(background(t), opened(t, s, Options{Timeout: waitFor(name, 500*time.Millisecond)}), dev)
			if err != nil || got.State != Ready {
				t.Errorf("%s, error %v after %d requests", got, err, len(s.requests()))
			}
		})
	}
}

func TestFaultsThatStay(t *testing.T) {
	const canary = "secret-canary"
	for _, test := range []struct {
		name, kind, message string
		answer              http.HandlerFunc
		requests            int
	}{
		{"429", "unreachable", "HTTP 429 Too Many Requests: slow down", busy, 3},
		{"500", "unreachable", "HTTP 500 Internal Server Error: etcdserver: leader changed", refuse(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcdserver: leader changed"), 3},
		{"a proxy's page", "unreachable", "HTTP 502 Bad Gateway", text(http.StatusBadGateway, "<html>"+canary), 3},
		{"a login page", "unreachable", "not a Kubernetes object", text(http.StatusOK, "<html>"+canary), 1},
		{"a Secret that does not decode", "unreachable", "not a Kubernetes object", text(http.StatusOK, `{"data":{"config":"`+canary+`"}}`), 1},
		{"without end", "unreachable", "far too long", text(http.StatusOK, strings.Repeat("x", maximumAnswer+1)), 1},
		{"hang up", "unreachable", "EOF", hangUp, 3},
		{"silence", "unreachable", "no answer within 300ms", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 3},
		{"elsewhere", "unreachable", "another server", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example.com/")
			w.WriteHeader(http.StatusFound)
		}, 1},
		{"401", "unauthorized", "401", refuse(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "Unauthorized"), 1},
		{"403", "forbidden", "resourceNames: [\"vc-dev\"]", forbidden("secrets"), 1},
		{"a proxy's 403", "forbidden", "get secrets vc-dev in namespace dev", text(http.StatusForbidden, "<html>"+canary), 1},
		{"escape codes", "unreachable", "one two", refuse(http.StatusInternalServerError, metav1.StatusReasonInternalError, "one\x1b\n\ttwo"), 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{secretPath: test.answer})
			_, err := ReadKubeconfig(background(t), opened(t, s, Options{Retries: 2, Timeout: waitFor(test.name, 300*time.Millisecond)}), dev)
			if kindOf(err) != test.kind || !strings.Contains(err.Error(), test.message) {
				t.Fatalf("error %v; want %s with %q", err, test.kind, test.message)
			}
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), testToken) || strings.ContainsAny(err.Error(), "\x1b") {
				t.Errorf("shows what it must not: %q", err)
			}
			if n := len(s.requests()); n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
			if hint := Hint(err); (hint == "") != (test.kind == "forbidden") { // which says itself what to do
				t.Errorf("the hint is %q", hint)
			}
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	s := serve(t, nil)
	s.URL = "https://" + address
	_, err = ServiceCIDRs(background(t), opened(t, s, Options{Retries: 1}))
	if kindOf(err) != "unreachable" || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
}

func TestCertificateThatIsNotTrusted(t *testing.T) {
	other := serve(t, nil)
	s := serve(t, nil)
	config := clientcmdapi.NewConfig()
	config.Clusters["host"] = &clientcmdapi.Cluster{Server: strings.Replace(s.URL, "127.0.0.1", "localhost", 1), CertificateAuthorityData: pemOf(other)}
	config.AuthInfos["me"] = &clientcmdapi.AuthInfo{Token: testToken}
	config.Contexts["here"] = &clientcmdapi.Context{Cluster: "host", AuthInfo: "me"}
	config.CurrentContext = "here"
	h, err := Open(Options{Kubeconfig: write(t, *config)})
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	_, err = ServiceCIDRs(background(t), h)
	if kindOf(err) != "unreachable" || !strings.Contains(err.Error(), "x509") || time.Since(started) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(started), err)
	}
}

// A 429 that asks for an hour must not hold the run for an hour.
func TestPausesAreBounded(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{secretPath: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		status(w, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, "slow down")
	}})
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	started := time.Now()
	if _, err := ReadKubeconfig(ctx, opened(t, s, Options{}), dev); kindOf(err) != "unreachable" {
		t.Errorf("error %v", err)
	}
	if time.Since(started) > 5*time.Second {
		t.Errorf("took %s", time.Since(started))
	}
}

func TestOpen(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	garbage := filepath.Join(t.TempDir(), "garbage")
	for name, content := range map[string]string{empty: "", garbage: "users: *canary-password"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, nil)
	for _, test := range []struct {
		name    string
		options Options
		message string
	}{
		{"no configuration at all", Options{}, "there is none"},
		{"an empty file", Options{Kubeconfig: empty}, "there is none"},
		{"no file", Options{Kubeconfig: filepath.Join(t.TempDir(), "none")}, "no such file"},
		{"garbage", Options{Kubeconfig: garbage}, "kubectl could not read it"},
		{"no such context", Options{Kubeconfig: s.kubeconfig(t), Context: "there"}, `context "there" does not exist; there are here`},
		{"not in a pod", Options{InCluster: true}, "not run in a cluster's pod"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(test.options)
			if err == nil || !strings.Contains(err.Error(), test.message) || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v, want %q", err, test.message)
			}
		})
	}
}

func TestKUBECONFIGThatNamesNothing(t *testing.T) {
	t.Setenv("KUBECONFIG", "/does/not/exist")
	if _, err := Open(Options{}); err == nil || !strings.Contains(err.Error(), "KUBECONFIG names no file with a cluster in it: /does/not/exist") {
		t.Error(err)
	}
}

func TestKUBECONFIGAndContext(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{secretPath: secretOf(map[string][]byte{"config": []byte("x")})})
	t.Setenv("KUBECONFIG", strings.Join([]string{"/does/not/exist", s.kubeconfig(t)}, string(filepath.ListSeparator)))
	h, err := Open(Options{Context: "here"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadKubeconfig(background(t), h, dev); err != nil || got.State != Ready {
		t.Errorf("%s, error %v", got, err)
	}
	if h.Server() != s.URL || strings.Contains(h.GoString(), testToken) {
		t.Errorf("host is %#v at %s", h, h.Server())
	}
}

// A credential plugin runs as under kubectl, and cannot read our input.
func TestCredentialPluginHasNoInput(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "plugin")
	script := "#!/bin/sh\nread -r line && exit 9\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"" + testToken + "\"}}'\n"
	if err := os.WriteFile(plugin, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := serve(t, map[string]http.HandlerFunc{secretPath: secretOf(map[string][]byte{"config": []byte("x")})})
	config := clientcmdapi.NewConfig()
	config.Clusters["host"] = &clientcmdapi.Cluster{Server: s.URL, CertificateAuthorityData: pemOf(s)}
	config.AuthInfos["me"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{Command: plugin, APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: clientcmdapi.IfAvailableExecInteractiveMode}}
	config.Contexts["here"] = &clientcmdapi.Context{Cluster: "host", AuthInfo: "me"}
	config.CurrentContext = "here"
	h, err := Open(Options{Kubeconfig: write(t, *config)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadKubeconfig(background(t), h, dev); err != nil || got.State != Ready {
		t.Errorf("%s, error %v", got, err)
	}
	if !slices.Equal(s.requests(), []string{secretPath}) {
		t.Errorf("requests %v", s.requests())
	}
}
