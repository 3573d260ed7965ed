package host

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

func proxied(name string) string {
	return "GET /api/v1/namespaces/kube-system/services/" + name + "/proxy/v1/cert.pem"
}

func TestSealingCertificate(t *testing.T) {
	noPort := refuse(http.StatusServiceUnavailable, "ServiceUnavailable", `no endpoints available for service "http:sealed-secrets-controller:"`)
	good := text(http.StatusOK, certificate)
	for _, test := range []struct {
		name       string
		answers    map[string]http.HandlerFunc
		controller string
		kind       string
		message    string
		requests   int
	}{
		{"a port without a name", map[string]http.HandlerFunc{proxied("http:sealed-secrets-controller:"): good}, "", "", "", 1},
		{"a port called http", map[string]http.HandlerFunc{proxied("http:sealed-secrets-controller:"): noPort, proxied("http:sealed-secrets-controller:http"): good}, "", "", "", 2},
		{"the chart's name", map[string]http.HandlerFunc{proxied("http:sealed-secrets:"): noPort, proxied("http:sealed-secrets:http"): good}, "", "", "", 3},
		{"a name of one's own", map[string]http.HandlerFunc{proxied("http:mine:"): good}, "kube-system/mine", "", "", 1},
		{"a namespace of its own", map[string]http.HandlerFunc{"GET /api/v1/namespaces/sealing/services/http:mine:/proxy/v1/cert.pem": good}, "sealing/mine", "", "", 1},
		{"none there", nil, "sealing/mine", "no controller", "at the Service mine in namespace sealing: write its Service into sealing.controller of fleet.yaml", 1},
		{"none", nil, "", "no controller", "sealed-secrets-controller or sealed-secrets in namespace kube-system", 2},
		{"no pod runs", map[string]http.HandlerFunc{proxied("http:mine:"): noPort, proxied("http:mine:http"): noPort}, "kube-system/mine", "unreachable", "no endpoints", 2},
		{"forbidden", map[string]http.HandlerFunc{proxied("http:sealed-secrets-controller:"): forbidden("services")}, "", "forbidden", `["http:sealed-secrets-controller:", "http:sealed-secrets-controller:http"]`, 1},
		{"without end", map[string]http.HandlerFunc{proxied("http:mine:"): text(http.StatusOK, strings.Repeat("x", maximumCertificate+1))}, "kube-system/mine", "unreachable", "too long", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.answers)
			got, err := SealingCertificate(background(t), opened(t, s, Options{}), test.controller)
			if kindOf(err) != test.kind || err == nil && string(got) != certificate {
				t.Fatalf("%q, error %v", got, err)
			}
			if err != nil && !strings.Contains(err.Error(), test.message) {
				t.Errorf("error %v, want %q", err, test.message)
			}
			if n := len(s.requests()); n != test.requests {
				t.Errorf("%d requests, want %d: %v", n, test.requests, s.requests())
			}
		})
	}
}

func TestSealingCertificateFrom(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/cert.pem", text(http.StatusOK, certificate))
	mux.HandleFunc("/large", text(http.StatusOK, strings.Repeat("x", maximumCertificate+1)))
	mux.Handle("/moved", http.RedirectHandler("/cert.pem", http.StatusFound))
	mux.Handle("/plain", http.RedirectHandler("http://example.com/cert.pem", http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	dir := t.TempDir()
	for name, content := range map[string]string{"cert.pem": certificate, "large": strings.Repeat("x", maximumCertificate+1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ name, source, message string }{
		{"a URL", server.URL + "/cert.pem", ""},
		{"a URL that moved", server.URL + "/moved", ""},
		{"a file", filepath.Join(dir, "cert.pem"), ""},
		{"http", "http://example.com/cert.pem", "only https"},
		{"file as URL", "file:///etc/passwd", "only https"},
		{"moved to http", server.URL + "/plain", "away from https"},
		{"a loop", server.URL + "/loop", "too often"},
		{"not there", server.URL + "/none?token=hunter2", "HTTP 404"},
		{"too large", server.URL + "/large", "larger than a certificate"},
		{"nobody there", "https://127.0.0.1:1/cert.pem?token=hunter2", "connection refused"},
		{"a password", "https://bob:hunter2@example.com/", "credentials"},
		{"no URL", "https://%zz?hunter2", "does not parse"},
		{"no file", filepath.Join(dir, "none"), "no such file"},
		{"a folder", dir, "not a regular file"},
		{"a large file", filepath.Join(dir, "large"), "larger than a certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := readSource(background(t), *server.Client(), test.source)
			if (err == nil) != (test.message == "") || err == nil && string(got) != certificate {
				t.Fatalf("%d bytes, error %v", len(got), err)
			}
			if err != nil && (!strings.Contains(err.Error(), test.message) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("error %v, want %q", err, test.message)
			}
		})
	}
	// The system's own roots do not know the server.
	if _, err := SealingCertificateFrom(background(t), server.URL+"/cert.pem"); err == nil || !strings.Contains(err.Error(), "x509") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := SealingCertificateFrom(ctx, server.URL+"/cert.pem"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestProxyNamesAreTheUpstreamRoles(t *testing.T) {
	want := []string{"http:sealed-secrets-controller:", "http:sealed-secrets-controller:http"}
	if got := proxyNames(DefaultController); !slices.Equal(got, want) {
		t.Errorf("asks for %q; sealed-secrets-service-proxier allows %q", got, want)
	}
}
