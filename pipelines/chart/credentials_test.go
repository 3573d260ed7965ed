package chart

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCredentialsForAnArchiveElsewhere(t *testing.T) {
	isolate(t)
	for _, test := range []struct {
		name    string
		passAll bool
	}{{"kept", false}, {"passed by choice", true}} {
		t.Run(test.name, func(t *testing.T) {
			archive := packChart(t, "demo", "1.2.3", "one")
			authorized := false
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _, authorized = r.BasicAuth()
				_, _ = w.Write(archive)
			}))
			defer other.Close()
			server := serve(t)
			server.add(t, "demo", "1.2.3", archive, other.URL+"/demo.tgz")
			writeFile(t, os.Getenv("HELM_REPOSITORY_CONFIG"), fmt.Sprintf(
				"repositories:\n- {name: x, url: %q, username: anna, password: pw, pass_credentials_all: %v}\n", server.URL, test.passAll))
			fetch(t, newStore(t, WithCache(t.TempDir())), remoteRef(server.URL, "demo", "1.2.3"), nil)
			if authorized != test.passAll {
				t.Errorf("the other host got credentials: %v", authorized)
			}
		})
	}
}

func TestTLSSettings(t *testing.T) {
	isolate(t)
	server := serve(t)
	server.add(t, "demo", "1.2.3", packChart(t, "demo", "1.2.3", "one"), "demo-1.2.3.tgz")
	secure := httptest.NewTLSServer(server)
	defer secure.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})))
	ref := remoteRef(secure.URL, "demo", "1.2.3")
	for _, test := range []struct {
		name, settings string
		fine           bool
	}{
		{"unknown authority", "username: a", false},
		{"caFile", "caFile: " + ca, true},
		{"insecure", "insecure_skip_tls_verify: true", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			writeFile(t, os.Getenv("HELM_REPOSITORY_CONFIG"), fmt.Sprintf("repositories:\n- {name: x, url: %q, %s}\n", secure.URL, test.settings))
			store := newStore(t, WithCache(t.TempDir()), withRetries(5*time.Second, 2, time.Hour))
			_, _, findings, err := store.Fetch(context.Background(), cluster(ref), nil)
			if (err == nil) != test.fine || len(findings) > 0 {
				t.Errorf("error %v, findings %v", err, findings)
			}
		})
	}
	t.Run("missing caFile", func(t *testing.T) {
		writeFile(t, os.Getenv("HELM_REPOSITORY_CONFIG"), fmt.Sprintf("repositories:\n- {name: x, url: %q, caFile: /nowhere/ca.pem}\n", secure.URL))
		fetchFinding(t, newStore(t), ref, nil, RuleCredentials, "/nowhere/ca.pem")
	})
}

func TestBrokenConfigurationFiles(t *testing.T) {
	isolate(t)
	server := serve(t)
	writeFile(t, os.Getenv("HELM_REPOSITORY_CONFIG"), "repositories: {password: pw123")
	fetchFinding(t, newStore(t), remoteRef(server.URL, "demo", "1.2.3"), nil, RuleCredentials, "repositories.yaml")
	writeFile(t, os.Getenv("HELM_REGISTRY_CONFIG"), "{auths")
	fetchFinding(t, newStore(t), remoteRef("oci://127.0.0.1:1/charts", "demo", "1.2.3"), nil, RuleCredentials, "registry.json")
}

func TestRedirectsAreBounded(t *testing.T) {
	isolate(t)
	plain := serve(t)
	plain.add(t, "demo", "1.2.3", packChart(t, "demo", "1.2.3", "one"), "demo-1.2.3.tgz")
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+r.URL.Path, http.StatusFound)
	}))
	defer secure.Close()
	writeFile(t, os.Getenv("HELM_REPOSITORY_CONFIG"), fmt.Sprintf("repositories:\n- {name: x, url: %q, insecure_skip_tls_verify: true}\n", secure.URL))
	fetchFinding(t, newStore(t), remoteRef(secure.URL, "demo", "1.2.3"), nil, RuleRepository, "redirects from https to http")

	circle := serve(t)
	circle.before = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
		return true
	}
	fetchFinding(t, newStore(t), remoteRef(circle.URL, "demo", "1.2.3"), nil, RuleRepository, "redirects more than 10 times")
}
