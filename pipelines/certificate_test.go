package pipelines_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kasou/internal/fleettest"
	"kasou/internal/sealtest"
	"kasou/pipelines"
	"kasou/pipelines/host"
	"kasou/pipelines/pin"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
)

const pinned = "clusters/sealed-secrets.crt"

func lockCertificate(t *testing.T, o pipelines.Options, source string) *report.Report {
	t.Helper()
	r, err := pipelines.LockCertificate(context.Background(), o, source, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLockCertificate(t *testing.T) {
	repo := example(t)
	options := repo.Options(t, nil)
	fresh := sealtest.NewKeyPair(t).Certificate
	repo.Write(t, "fresh.pem", fresh)
	file := filepath.Join(repo.Root, "fresh.pem")

	before := snapshot(t, repo.Root)
	options.DryRun = true
	r := lockCertificate(t, options, file)
	fleettest.MustPass(t, r, nil)
	if !has(r, pin.RuleNewCertificate) || !strings.Contains(r.FleetDiff, "BEGIN CERTIFICATE") || snapshot(t, repo.Root) != before {
		fleettest.Print(t, r)
		t.Error("a dry run must show the change and write nothing")
	}
	options.DryRun = false
	r = lockCertificate(t, options, file)
	fleettest.MustPass(t, r, nil)
	old, _ := seal.ParseCertificate(repo.Keys.Certificate, time.Now())
	now, _ := seal.ParseCertificate(fresh, time.Now())
	message := r.Findings[0].Message
	if !strings.Contains(message, old.Fingerprint) || !strings.Contains(message, now.Fingerprint) || !strings.Contains(message, now.NotAfter.Format(time.DateOnly)) {
		t.Errorf("the message is %s", message)
	}
	if string(repo.Read(t, pinned)) != string(fresh) {
		t.Error("the certificate was not written")
	}
	if r = lockCertificate(t, options, file); len(r.Findings)+len(r.Fleet) > 0 {
		t.Errorf("a second time finds %s", rules(r))
	}

	// The first one, and the place of a broken one.
	for _, damage := range []func() error{
		func() error { return os.Remove(filepath.Join(repo.Root, pinned)) },
		func() error { return os.WriteFile(filepath.Join(repo.Root, pinned), []byte("<html>"), 0o644) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		fleettest.MustPass(t, lockCertificate(t, options, file), nil)
		if string(repo.Read(t, pinned)) != string(fresh) {
			t.Error("the certificate was not written")
		}
	}
}

// The controller is asked where fleet.yaml says that it is.
func TestLockCertificateOfANamedController(t *testing.T) {
	repo := example(t)
	options := repo.Options(t, nil)
	fresh := sealtest.NewKeyPair(t).Certificate
	options.OpenHost = hostOf(t, repo, map[string]string{"/api/v1/namespaces/sealing/services/http:mine:/proxy/v1/cert.pem": string(fresh)})
	if r := lockCertificate(t, options, ""); len(r.Unfinished) != 1 || !strings.Contains(r.Unfinished[0].Message, "sealing.controller") {
		t.Errorf("%+v", r.Unfinished)
	}
	file := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(file, "sealing: {", "sealing: {controller: sealing/mine, ", 1)))
	fleettest.MustPass(t, lockCertificate(t, options, ""), nil)
	if string(repo.Read(t, pinned)) != string(fresh) {
		t.Error("the certificate was not written")
	}
}

func TestLockCertificateFromAURL(t *testing.T) {
	repo := example(t)
	options := repo.Options(t, nil)
	fresh := sealtest.NewKeyPair(t).Certificate
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/cert.pem" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(fresh)
	}))
	t.Cleanup(server.Close)

	// Who has no reason to trust the server does not.
	before := snapshot(t, repo.Root)
	if r := lockCertificate(t, options, server.URL+"/v1/cert.pem"); len(r.Unfinished) != 1 || snapshot(t, repo.Root) != before {
		t.Error("a server with an unknown certificate was believed")
	}
	transport := http.DefaultClient.Transport
	http.DefaultClient.Transport = server.Client().Transport
	t.Cleanup(func() { http.DefaultClient.Transport = transport })
	if r := lockCertificate(t, options, server.URL+"/nothing?token=s3cr3t"); len(r.Unfinished) != 1 || strings.Contains(r.Unfinished[0].Message, "s3cr3t") {
		t.Errorf("%+v", r.Unfinished)
	}
	fleettest.MustPass(t, lockCertificate(t, options, server.URL+"/v1/cert.pem"), nil)
	if string(repo.Read(t, pinned)) != string(fresh) {
		t.Error("the certificate was not written")
	}
}

func TestLockCertificateRefuses(t *testing.T) {
	repo := example(t)
	options := repo.Options(t, nil)
	key := sealtest.NewKeyPair(t).Private
	now := time.Now()
	certify := func(from, to time.Time) string {
		return string(sealtest.Certify(t, key, &key.PublicKey, from, to))
	}
	for name, test := range map[string]struct{ data, want string }{
		"expired":       {certify(now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)), string(seal.RuleCertificateValidity)},
		"not yet valid": {certify(now.AddDate(1, 0, 0), now.AddDate(2, 0, 0)), string(seal.RuleCertificateValidity)},
		"a web page":    {"<html>Log in</html>", string(seal.RuleCertificateFile)},
		"two":           {string(repo.Keys.Certificate) + string(repo.Keys.Certificate), string(seal.RuleCertificateFile)},
	} {
		t.Run(name, func(t *testing.T) {
			repo.Write(t, "bad.pem", []byte(test.data))
			before := snapshot(t, repo.Root)
			r := lockCertificate(t, options, filepath.Join(repo.Root, "bad.pem"))
			if !r.Failed() || !strings.Contains(rules(r), test.want) || snapshot(t, repo.Root) != before {
				fleettest.Print(t, r)
				t.Errorf("want %s, and nothing written", test.want)
			}
		})
	}
	if r := lockCertificate(t, options, ""); len(r.Unfinished) != 1 {
		t.Error("without a host there is nothing to ask")
	}
	options.OpenHost = func(string) (*host.Host, error) { return nil, &host.ConfigError{Reason: "no kubeconfig"} }
	if r := lockCertificate(t, options, ""); len(r.Unfinished) != 1 {
		t.Error("without a kubeconfig there is nothing to ask")
	}
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.ReplaceAll(string(repo.Read(t, "clusters/fleet.yaml")), "  sealing:", "  # sealing:")))
	if r := lockCertificate(t, options, "x"); !has(r, pin.RuleNoCertificateFile) {
		t.Errorf("a fleet without a file finds %s", rules(r))
	}
}
