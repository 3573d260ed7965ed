package seal_test

import (
	"testing"
	"time"

	"kasou/internal/sealtest"
	"kasou/pipelines/seal"
)

func TestInspect(t *testing.T) {
	o := options(t, sealtest.NewKeyPair(t))
	r := request("secret", nil)
	result, _ := sealOne(t, o, r)
	foreign := "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: other}\nspec: {encryptedData: {a: b}}\n"
	all := seal.Inspect(append(append([]byte("# Source: x\n---\n"), result.Document...), foreign...))
	if len(all) != 1 {
		t.Fatalf("%+v, want kasou's own alone", all)
	}
	got := all[0]
	if got.Namespace != "argocd" || got.Name != "cluster-dev" || got.Certificate != o.Certificate.Fingerprint ||
		!got.At.Equal(day1.Truncate(time.Second)) || !got.NotAfter.Equal(r.NotAfter.Truncate(time.Second)) {
		t.Errorf("%+v", got)
	}
	if all := seal.Inspect([]byte("kind: Secret\nmetadata: {annotations: {kasou/sealed-at: x}}\n")); len(all) > 0 {
		t.Errorf("a Secret: %+v", all)
	}
}
