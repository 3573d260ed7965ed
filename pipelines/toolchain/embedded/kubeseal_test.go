package embedded_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/realtool"
	"kasou/internal/sealtest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

var sealSecrets = map[string]string{
	"plain":  "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\ndata: {k: dmFsdWU=}\n",
	"full":   "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nimmutable: true\nmetadata:\n  name: a\n  namespace: b\n  uid: u-1\n  resourceVersion: '7'\n  creationTimestamp: 2020-01-01T00:00:00Z\n  labels: {x: 'y'}\n  annotations: {helm.sh/hook: pre-install, kubectl.kubernetes.io/last-applied-configuration: '{}'}\n  ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: u}]\ndata: {tls.crt: '', tls.key: AAECAw==}\nstringData: {note: 'two\n\n  lines'}\n",
	"empty":  "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\n",
	"json":   `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"b"},"stringData":{"k":"v"}}`,
	"scoped": "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b, annotations: {sealedsecrets.bitnami.com/cluster-wide: 'true'}}\ndata: {k: dmFsdWU=}\n",
}

func TestSealWritesWhatKubesealWrites(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	for name, secret := range sealSecrets {
		for _, scope := range []string{"strict", "namespace-wide", "cluster-wide"} {
			t.Run(name+" "+scope, func(t *testing.T) {
				want := kubesealCommand(t, pair.Certificate, secret, scope)
				got, err := (&embedded.Toolchain{}).Seal(context.Background(), toolchain.SealRequest{
					Secret: []byte(secret), Certificate: pair.Certificate, Scope: scope,
				})[0].Get()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(sealtest.Shape(t, want), sealtest.Shape(t, got)); diff != "" {
					t.Errorf("another shape than the command's (-kubeseal +embedded):\n%s", diff)
				}
				if diff := cmp.Diff(pair.Unseal(t, want).Data, pair.Unseal(t, got).Data); diff != "" {
					t.Error("the two unseal to different values")
				}
			})
		}
	}
}

func kubesealCommand(t *testing.T, certificate []byte, secret, scope string) []byte {
	t.Helper()
	binary := realtool.Build(t, "github.com/bitnami-labs/sealed-secrets/cmd/kubeseal")
	dir := t.TempDir()
	file := filepath.Join(dir, "cert.pem")
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "--cert", file, "--format", "json", "--scope", scope, "--allow-empty-data")
	cmd.Env = []string{"HOME=" + dir, "KUBECONFIG=" + filepath.Join(dir, "none")}
	cmd.Stdin = strings.NewReader(secret)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubeseal: %v: %s", err, stderr.String())
	}
	return out
}

func TestSealRefusesWithoutQuoting(t *testing.T) {
	const canary = "c4n4ry-plaintext"
	good := sealtest.NewKeyPair(t).Certificate
	tests := []struct{ name, secret, certificate, scope, want string }{
		{"not YAML", "a: b: " + canary, string(good), "strict", "not a Secret"},
		{"no base64", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\ndata: {k: '" + canary + "'}", string(good), "strict", "not a Secret"},
		{"other kind", "apiVersion: v1\nkind: ConfigMap\nstringData: {k: '" + canary + "'}", string(good), "strict", "not a v1 Secret"},
		{"no namespace", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {k: " + canary + "}", string(good), "strict", "no namespace"},
		{"scope", sealSecrets["plain"], string(good), "wide", "scope"},
		{"certificate", sealSecrets["plain"], "<html>", "strict", "no PEM certificate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := (&embedded.Toolchain{}).Seal(context.Background(), toolchain.SealRequest{
				Secret: []byte(test.secret), Certificate: []byte(test.certificate), Scope: test.scope,
			})[0].Get()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error quotes the Secret: %v", err)
			}
		})
	}
}

func TestSealStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	if _, err := (&embedded.Toolchain{}).Seal(ctx, toolchain.SealRequest{})[0].Get(); err == nil {
		t.Error("sealed after the end")
	}
}
