package seal_test

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"

	"kasou/internal/sealtest"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain"
)

// echo seals by giving the Secret back, and counts its calls.
type echo struct{ calls, requests int }

func (e *echo) Seal(_ context.Context, requests ...toolchain.SealRequest) []toolchain.Result[[]byte] {
	e.calls++
	results := make([]toolchain.Result[[]byte], len(requests))
	for i, r := range requests {
		e.requests++
		if results[i].Value = r.Secret; string(r.Secret) == "bad" {
			results[i] = toolchain.Result[[]byte]{Err: errors.New("refused")}
		}
	}
	return results
}

func TestABatchIsSealedByOneCall(t *testing.T) {
	var b seal.Batch
	request := func(secret, certificate, scope string) toolchain.SealRequest {
		return toolchain.SealRequest{Secret: []byte(secret), Certificate: []byte(certificate), Scope: scope}
	}
	all := []toolchain.SealRequest{request("a", "c", "strict"), request("bad", "c", "strict"), request("a", "other", "strict"), request("a", "c", "cluster-wide"), request("a", "c", "strict")}
	if b.Answer(t.Context(), nil) {
		t.Error("there was nothing to seal")
	}
	for i, r := range b.Seal(t.Context(), all...) {
		if !errors.Is(r.Err, seal.ErrGathered) || r.Value != nil {
			t.Errorf("request %d: %q, %v", i, r.Value, r.Err)
		}
	}
	tool := &echo{}
	if !b.Answer(t.Context(), tool) || tool.calls != 1 || tool.requests != 4 {
		t.Errorf("%d calls for %d requests", tool.calls, tool.requests)
	}
	for i, r := range b.Seal(t.Context(), all...) {
		bad := string(all[i].Secret) == "bad"
		if bad != (r.Err != nil) || !bad && string(r.Value) != string(all[i].Secret) {
			t.Errorf("request %d: %q, %v", i, r.Value, r.Err)
		}
	}
	// What comes later waits for another answer, and leaves the first alone.
	if r := b.Seal(t.Context(), request("late", "c", "strict"))[0]; !errors.Is(r.Err, seal.ErrGathered) {
		t.Errorf("late: %v", r.Err)
	}
	b.Answer(t.Context(), tool)
	if r := b.Seal(t.Context(), request("late", "c", "strict"))[0]; string(r.Value) != "late" || tool.requests != 5 {
		t.Errorf("late: %q, %v, %d requests", r.Value, r.Err, tool.requests)
	}
}

// In two passes a file becomes what it becomes in one, whatever form it has: all its
// Secrets are gathered in the first.
func TestWhatIsGatheredIsSealed(t *testing.T) {
	o := options(t, sealtest.NewKeyPair(t))
	forms := maps.Clone(disguises)
	forms["two"] = secretYAML("stringData: {k: value}\n") + "---\n" + strings.Replace(secretYAML("stringData: {k: value}\n"), "name: a", "name: b", 1)
	for name, file := range forms {
		want, found := rendered(t, o, manifest.Files{manifestFile: []byte(file)}, nil)
		if len(found) > 0 {
			t.Fatal(found)
		}
		var b seal.Batch
		gathering := o
		gathering.Tool = &b
		files := manifest.ParseAll(manifest.Rendered, manifest.Files{manifestFile: []byte(file), "clusters/dev/manifests/b.yaml": []byte("kind: ConfigMap\n")})
		pass := func() (manifest.Set, error) {
			out, found, err := seal.New(gathering).Rendered(t.Context(), dev, files, nil, func(string) []byte { return nil })
			if len(found) > 0 {
				t.Fatal(found)
			}
			return out, err
		}
		if out, err := pass(); !errors.Is(err, seal.ErrGathered) || out != nil {
			t.Errorf("%s: %v, error %v", name, out, err)
		}
		b.Answer(t.Context(), o.Tool)
		out, err := pass()
		if err != nil || len(out) != 2 {
			t.Errorf("%s: %v, error %v", name, out, err)
			continue
		}
		same := func(data []byte) string { return ciphertext.ReplaceAllString(string(data), "…") }
		if got := out[manifestFile].Bytes; same(got) != same(want[manifestFile]) || len(seal.Inspect(got)) != len(seal.Inspect(want[manifestFile])) {
			t.Errorf("%s: in two passes\n%s\nin one\n%s", name, got, want[manifestFile])
		}
	}
}

// ciphertext is what differs with every sealing: the value, and the tags over it.
var ciphertext = regexp.MustCompile(`[A-Za-z0-9+/:=-]{40,}|v1:\S+`)
