package pipelines_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
)

const registration = "clusters/root/one.cluster.yaml"

func registerBy(t *testing.T, o pipelines.Options, k fleettest.Kubeconfig) *report.Report {
	t.Helper()
	o.Names = []string{"one"}
	r, err := pipelines.Register(context.Background(), o, pipelines.Registration{Kubeconfig: k.Data, From: "kubeconfig.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The life of a registration: written once, kept by builds, refreshed when the
// credential was rotated, mended when it was edited.
func TestRegister(t *testing.T) {
	ctx := context.Background()
	repo := example(t, "one", "two")
	options := built(t, repo)
	k := fleettest.NewKubeconfig(t)

	fleettest.MustPass(t, registerBy(t, options, k), nil)
	first := repo.Read(t, registration)
	opened := repo.Keys.Unseal(t, first)
	var config struct {
		TLSClientConfig struct{ CAData, CertData, KeyData []byte }
	}
	if err := json.Unmarshal(opened.Data["config"], &config); err != nil {
		t.Fatal(err)
	}
	tls := config.TLSClientConfig
	if !bytes.Equal(tls.CAData, k.CA) || !bytes.Equal(tls.CertData, k.Certificate) || !bytes.Equal(tls.KeyData, k.Key) ||
		string(opened.Data["server"]) != "https://one.example.com" || opened.Labels["argocd.argoproj.io/secret-type"] != "cluster" {
		t.Errorf("the unsealed Secret has server %s, labels %v", opened.Data["server"], opened.Labels)
	}

	before := snapshot(t, repo.Root)
	if r := registerBy(t, options, k); r.Count(report.Unchanged) != 1 || r.Failed() {
		fleettest.Print(t, r)
		t.Error("a second time must change nothing")
	}
	for _, p := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
		r, err := p(ctx, options)
		fleettest.MustPass(t, r, err)
	}
	if snapshot(t, repo.Root) != before {
		t.Error("a second registration, a build or a check wrote something")
	}

	rotated := fleettest.NewKubeconfig(t)
	r := registerBy(t, options, rotated)
	fleettest.MustPass(t, r, nil)
	if r.Count(report.Changed) != 1 || !has(r, seal.RuleResealed) || has(r, seal.RuleTampered) {
		fleettest.Print(t, r)
		t.Error("a rotated credential must be resealed, and is not tampering")
	}
	if opened := repo.Keys.Unseal(t, repo.Read(t, registration)); !strings.Contains(string(opened.Data["config"]), base64.StdEncoding.EncodeToString(rotated.Key)) {
		t.Error("the new credential is not in the Secret")
	}

	// Put back to the older state, and deleted.
	repo.Write(t, registration, first)
	if r, err := pipelines.Check(ctx, options); err != nil || !has(r, register.RuleRegistrationEdited) {
		t.Errorf("%v: check must see the edit, found %s", err, rules(r))
	}
	if err := os.Remove(filepath.Join(repo.Root, registration)); err != nil {
		t.Fatal(err)
	}
	if r, err := pipelines.Build(ctx, options); err != nil || !has(r, register.RuleRegistrationMissing) {
		t.Errorf("%v: build must see that it is gone, found %s", err, rules(r))
	}
	fleettest.MustPass(t, registerBy(t, options, rotated), nil)
	r, err := pipelines.Check(ctx, options)
	fleettest.MustPass(t, r, err)

	for _, secret := range [][]byte{k.Key, rotated.Key} {
		if where := findSecret(t, repo.Root, secret); where != "" {
			t.Errorf("a private key stands in %s", where)
		}
	}
}

// findSecret looks for any line of a PEM block, as it is and in base64.
func findSecret(t *testing.T, root string, secret []byte) (where string) {
	t.Helper()
	var needles [][]byte
	for line := range bytes.Lines(secret) {
		if line = bytes.TrimSpace(line); len(line) > 20 && !bytes.HasPrefix(line, []byte("---")) {
			needles = append(needles, line)
			for offset := range 3 {
				encoded := base64.StdEncoding.EncodeToString(append(make([]byte, offset), line...))
				needles = append(needles, []byte(encoded[4:len(encoded)-4]))
			}
		}
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, needle := range needles {
			if bytes.Contains(data, needle) {
				where = path
			}
		}
		return err
	})
	if err != nil || len(needles) == 0 {
		t.Fatal(err, len(needles))
	}
	return where
}

func TestRegisterRefuses(t *testing.T) {
	ctx := context.Background()
	repo := example(t, "one")
	repo.Cluster(t, "bare", "  {}\n")
	options := built(t, repo)
	k := fleettest.NewKubeconfig(t)
	options.Names = []string{"bare"}
	r, err := pipelines.Register(ctx, options, pipelines.Registration{Kubeconfig: k.Data, From: "x"})
	if err != nil || !has(r, register.RuleNoServer) {
		t.Errorf("%v: no server: %s", err, rules(r))
	}
	bad := fleettest.Kubeconfig{Data: bytes.ReplaceAll(k.Data, []byte("client-certificate-data"), []byte("client-certificate"))}
	before := snapshot(t, repo.Root)
	if r := registerBy(t, options, bad); !r.Failed() || !has(r, "credential-refused") {
		t.Errorf("a file in the kubeconfig: %s", rules(r))
	}
	if snapshot(t, repo.Root) != before {
		t.Error("something was written")
	}
}

// A token that a person made up is sealed with the key alone, however long it is:
// a tag without it would let anyone who reads git try guesses.
func TestAMadeUpTokenNeedsTheKey(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	k := fleettest.NewKubeconfig(t)
	k.Data = []byte("apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: \"https://localhost:8443\", certificate-authority-data: " +
		base64.StdEncoding.EncodeToString(k.CA) + "}}]\nusers: [{name: u, user: {token: \"Summer2026!Summer2026!\"}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n")
	before := snapshot(t, repo.Root)
	if r := registerBy(t, options, k); !has(r, seal.RuleKeyNeeded) || !r.Failed() || snapshot(t, repo.Root) != before {
		fleettest.Print(t, r)
		t.Error("without a key it must not be sealed")
	}
	options.SealKey = sealKey
	fleettest.MustPass(t, registerBy(t, options, k), nil)
	sealed := repo.Read(t, registration)
	if bytes.Contains(sealed, []byte("v1 content ")) || !strings.Contains(string(repo.Keys.Unseal(t, sealed).Data["config"]), "Summer2026!") {
		t.Errorf("sealed as\n%s", sealed)
	}
	options.SealKey = ""
	if r := registerBy(t, options, k); !has(r, seal.RuleUnverifiable) || has(r, seal.RuleResealed) || !bytes.Equal(repo.Read(t, registration), sealed) {
		fleettest.Print(t, r)
		t.Error("without the key it is kept, and not proved")
	}
}

// What was registered without the key gets the key's tags once it is there, and
// keeps its ciphertext.
func TestTheKeyComesToARegistration(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	k := fleettest.NewKubeconfig(t)
	fleettest.MustPass(t, registerBy(t, options, k), nil)
	options.SealKey = sealKey
	r := registerBy(t, options, k)
	fleettest.MustPass(t, r, nil)
	sealed := repo.Read(t, registration)
	if r.Count(report.Changed) != 1 || bytes.Contains(sealed, []byte("v1 content ")) {
		t.Errorf("%s:\n%s", rules(r), sealed)
	}
	if r := registerBy(t, options, k); r.Count(report.Unchanged) != 1 || len(r.Findings) > 0 || !bytes.Equal(repo.Read(t, registration), sealed) {
		t.Errorf("a second run finds %s", rules(r))
	}
	fleettest.MustPass(t, pipe(t, pipelines.Check, options), nil)
}
