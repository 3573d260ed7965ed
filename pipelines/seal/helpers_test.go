package seal_test

import (
	"context"
	"encoding/hex"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/internal/sealtest"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain/embedded"
)

var (
	tool = &embedded.Toolchain{}
	dev  = fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml", Spec: fleet.ClusterSpec{Namespace: "dev"}}
	day1 = time.Now()
)

const secretFile = "clusters/root/dev.cluster.yaml"

// keyFrom returns a KASOU_SEAL_KEY that depends on seed.
func keyFrom(t testing.TB, seed byte) *seal.Key {
	t.Helper()
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = seed + byte(i*7)
	}
	return must[*seal.Key](t)(seal.ParseKey(hex.EncodeToString(raw)))
}

func options(t testing.TB, pair sealtest.KeyPair) seal.Options {
	t.Helper()
	certificate, found := seal.ParseCertificate(pair.Certificate, day1)
	if len(found) > 0 {
		t.Fatal(found)
	}
	return seal.Options{Tool: tool, Certificate: &certificate, Now: day1}
}

// credential is a Secret as registration makes it.
func credential(value string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "cluster-dev", Namespace: "argocd", Labels: map[string]string{"argocd.argoproj.io/secret-type": "cluster"}},
		StringData: map[string]string{"name": "dev", "config": value},
		Data:       map[string][]byte{"raw": {0, 1, 0xff}},
		Type:       corev1.SecretTypeOpaque,
	}
}

func request(value string, previous []byte) seal.Request {
	return seal.Request{
		Cluster: dev, Path: secretFile, Secret: credential(value), Entropy: seal.Strong,
		Previous: previous, NotAfter: day1.AddDate(1, 0, 0),
	}
}

func sealOne(t testing.TB, o seal.Options, r seal.Request) (seal.Result, finding.List) {
	t.Helper()
	result, found, err := seal.New(o).Secret(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return result, found
}

// rendered runs the stage over files as if committed stood on the disk.
func rendered(t testing.TB, o seal.Options, files, committed manifest.Files) (manifest.Files, finding.List) {
	t.Helper()
	out, found, err := seal.New(o).Rendered(context.Background(), dev, manifest.ParseAll(manifest.Rendered, files), nil, func(path string) []byte { return committed[path] })
	if err != nil {
		t.Fatal(err)
	}
	if out == nil {
		return nil, found
	}
	return out.Files(), found
}
