package seal_test

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"kasou/internal/sealtest"
	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
)

func TestWhatIsSealedUnsealsToTheSame(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	for _, scope := range []string{"", "strict", "namespace-wide", "cluster-wide"} {
		t.Run("scope "+scope, func(t *testing.T) {
			r := request("one", nil)
			r.Scope = scope
			result, found := sealOne(t, options(t, pair), r)
			if len(found) > 0 || result.Decision.Reason != seal.ReasonNew {
				t.Fatalf("%v %+v", found, result.Decision)
			}
			got := pair.Unseal(t, result.Document)
			if string(got.Data["config"]) != "one" || string(got.Data["name"]) != "dev" || !bytes.Equal(got.Data["raw"], []byte{0, 1, 0xff}) || len(got.Data) != 3 {
				t.Errorf("unsealed to %v", got.Data)
			}
			if got.Type != "Opaque" || got.Labels["argocd.argoproj.io/secret-type"] != "cluster" {
				t.Errorf("unsealed to %+v", got.ObjectMeta)
			}
			for name := range got.Annotations {
				if strings.HasPrefix(name, "kasou/") {
					t.Errorf("the unsealed Secret has %s", name)
				}
			}
		})
	}
}

func TestAnUnchangedSecretKeepsItsBytes(t *testing.T) {
	o := options(t, sealtest.NewKeyPair(t))
	for name, key := range map[string]*seal.Key{"without a key": nil, "with a key": keyFrom(t, 1)} {
		t.Run(name, func(t *testing.T) {
			o := o
			o.Key = key
			first, _ := sealOne(t, o, request("one", nil))
			o.Now = day1.AddDate(0, 6, 0) // the certificate is the same, however old
			sealer := seal.New(o)
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() {
					again, found, err := sealer.Secret(t.Context(), request("one", first.Document))
					if err != nil || len(found) > 0 || again.Decision.Outcome != seal.Keep || !bytes.Equal(again.Document, first.Document) {
						t.Errorf("%v %v %+v", err, found, again.Decision)
					}
				})
			}
			group.Wait()
		})
	}
}

func TestReasonsToSealAnew(t *testing.T) {
	pair, renewed := sealtest.NewKeyPair(t), sealtest.NewKeyPair(t)
	tests := []struct {
		name   string
		change func(*seal.Options, *seal.Request)
		want   seal.Reason
	}{
		{"plaintext", func(_ *seal.Options, r *seal.Request) { r.Secret.StringData["config"] = "two" }, seal.ReasonPlaintext},
		{"one key more", func(_ *seal.Options, r *seal.Request) { r.Secret.StringData["project"] = "x" }, seal.ReasonPlaintext},
		{"one key less", func(_ *seal.Options, r *seal.Request) { delete(r.Secret.Data, "raw") }, seal.ReasonPlaintext},
		{"name", func(_ *seal.Options, r *seal.Request) { r.Secret.Name = "cluster-other" }, seal.ReasonName},
		{"namespace", func(_ *seal.Options, r *seal.Request) { r.Secret.Namespace = "argo" }, seal.ReasonName},
		{"type", func(_ *seal.Options, r *seal.Request) { r.Secret.Type = "x/y" }, seal.ReasonName},
		{"scope", func(_ *seal.Options, r *seal.Request) { r.Scope = "namespace-wide" }, seal.ReasonScope},
		{"label", func(_ *seal.Options, r *seal.Request) { r.Secret.Labels["env"] = "dev" }, seal.ReasonTemplate},
		{"annotation", func(_ *seal.Options, r *seal.Request) { r.Secret.Annotations = map[string]string{"a": "b"} }, seal.ReasonTemplate},
		{"immutable", func(_ *seal.Options, r *seal.Request) { r.Secret.Immutable = new(true) }, seal.ReasonTemplate},
		{"--reseal", func(o *seal.Options, _ *seal.Request) { o.Reseal = true }, seal.ReasonAsked},
		{"certificate and age", func(o *seal.Options, _ *seal.Request) {
			*o = options(t, renewed)
			o.Now = day1.Add(seal.DefaultMaxAge + time.Minute)
		}, seal.ReasonCertificate},
		{"certificate and own age", func(o *seal.Options, _ *seal.Request) {
			*o = options(t, renewed)
			o.Now, o.MaxAge = day1.Add(2*time.Hour), time.Hour
		}, seal.ReasonCertificate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, pair)
			first, _ := sealOne(t, o, request("one", nil))
			r := request("one", first.Document)
			test.change(&o, &r)
			result, found := sealOne(t, o, r)
			if result.Decision.Outcome != seal.Seal || result.Decision.Reason != test.want {
				t.Fatalf("decided %+v, want %q", result.Decision, test.want)
			}
			if len(found) != 1 || found[0].Rule != seal.RuleResealed || found.Failed() {
				t.Errorf("found %v", found)
			}
			r.Previous, o.Reseal = result.Document, false
			if again, _ := sealOne(t, o, r); !bytes.Equal(again.Document, result.Document) {
				t.Errorf("sealed again: %+v", again.Decision)
			}
		})
	}
}

func TestARenewedCertificateKeepsWhatIsYoung(t *testing.T) {
	o := options(t, sealtest.NewKeyPair(t))
	first, _ := sealOne(t, o, request("one", nil))
	result, _ := sealOne(t, options(t, sealtest.NewKeyPair(t)), request("one", first.Document))
	if result.Decision.Outcome != seal.Keep || !bytes.Equal(result.Document, first.Document) {
		t.Errorf("%+v", result.Decision)
	}
}

func TestTampering(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	other := options(t, sealtest.NewKeyPair(t))
	line := func(field, value string) func(string) string {
		pattern := regexp.MustCompile(`(?m)^(\s+` + field + `: ).*$`)
		return func(s string) string { return pattern.ReplaceAllString(s, "${1}"+value) }
	}
	tests := []struct {
		name string
		edit func(string) string
		want seal.Tampering
	}{
		{"ciphertext edited", line("config", "QUJD"), seal.TamperedCiphertext},
		{"ciphertext swapped", func(s string) string {
			swap := strings.NewReplacer("\n    config: ", "\n    name: ", "\n    name: A", "\n    config: A")
			return swap.Replace(s)
		}, seal.TamperedCiphertext},
		{"value removed", func(s string) string { return regexp.MustCompile(`(?m)^    raw: .*\n`).ReplaceAllString(s, "") }, seal.TamperedCiphertext},
		{"value added", func(s string) string {
			return strings.Replace(s, "encryptedData:\n", "encryptedData:\n    extra: QUJD\n", 1)
		}, seal.TamperedCiphertext},
		{"tag edited", line("kasou/tag", "v1 content "+strings.Repeat("0", 64)), seal.TamperedCiphertext},
		{"tag damaged", line("kasou/tag", "v1"), seal.TamperedTag},
		{"tag removed", func(s string) string { return regexp.MustCompile(`(?m)^    kasou/.*\n`).ReplaceAllString(s, "") }, seal.TamperedTag},
		{"copied", line("kasou/sealed-for", "prod root/prod.cluster.yaml"), seal.TamperedPlace},
		{"label edited", line("argocd.argoproj.io/secret-type", "repository"), seal.TamperedMetadata},
		{"certificate replaced", line("kasou/sealed-with", other.Certificate.Fingerprint), seal.TamperedCertificate},
		{"templated value", func(s string) string {
			return strings.Replace(s, "  template:\n", "  template:\n    data: {config: evil}\n", 1)
		}, seal.TamperedMetadata},
		{"plain value", func(s string) string { return strings.Replace(s, "spec:\n", "spec:\n  data: QUJD\n", 1) }, seal.TamperedMetadata},
	}
	for _, key := range []*seal.Key{nil, keyFrom(t, 1)} {
		for _, test := range tests {
			t.Run(test.name+map[bool]string{true: ", without a key"}[key == nil], func(t *testing.T) {
				o := options(t, pair)
				o.Key = key
				first, _ := sealOne(t, o, request("one", nil))
				edited := test.edit(string(first.Document))
				if edited == string(first.Document) {
					t.Fatal("the edit changed nothing")
				}
				result, found := sealOne(t, o, request("one", []byte(edited)))
				if result.Decision != (seal.Decision{Outcome: seal.Tampered, Tampering: test.want}) {
					t.Fatalf("decided %+v, want %q", result.Decision, test.want)
				}
				if len(found) != 1 || found[0].Rule != seal.RuleTampered || found[0].Severity != finding.Warning {
					t.Errorf("%+v, found %v", result.Decision, found)
				}
				if got := pair.Unseal(t, result.Document); string(got.Data["config"]) != "one" {
					t.Error("not repaired")
				}
			})
		}
	}
}

func TestARolledBackFileIsToldByTheLock(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	for _, key := range []*seal.Key{nil, keyFrom(t, 1)} {
		o := options(t, pair)
		o.Key = key
		old, _ := sealOne(t, o, request("one", nil))
		current, _ := sealOne(t, o, request("two", old.Document))
		r := request("two", old.Document)
		r.Recorded = manifest.Digest(current.Document)
		if result, _ := sealOne(t, o, r); result.Decision.Tampering != seal.TamperedRollback {
			t.Errorf("decided %+v", result.Decision)
		}
		r.Recorded = manifest.Digest(old.Document)
		if result, _ := sealOne(t, o, r); result.Decision.Reason != seal.ReasonPlaintext {
			t.Errorf("with the lock rolled back too: %+v", result.Decision)
		}
	}
}

func TestWithoutPlaintext(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	o := options(t, pair)
	o.Key = keyFrom(t, 1)
	first, _ := sealOne(t, o, request("one", nil))
	check := func(key *seal.Key, document []byte) (seal.Result, finding.List) {
		r := request("", document)
		r.Secret = nil
		o := o
		o.Key = key
		return sealOne(t, o, r)
	}
	if result, found := check(o.Key, first.Document); result.Decision.Outcome != seal.Keep || !bytes.Equal(result.Document, first.Document) || len(found) > 0 {
		t.Errorf("with the key: %+v %v", result.Decision, found)
	}
	edited := bytes.Replace(first.Document, []byte("    config: "), []byte("    config: A"), 1)
	if result, found := check(o.Key, edited); result.Decision.Outcome != seal.Tampered || !found.Failed() {
		t.Errorf("edited: %+v %v", result.Decision, found)
	}
	for name, key := range map[string]*seal.Key{"no key": nil, "another key": keyFrom(t, 2)} {
		result, found := check(key, first.Document)
		if result.Decision.Outcome != seal.Unverifiable || !bytes.Equal(result.Document, first.Document) || len(found) != 1 || found[0].Severity != finding.Warning || found[0].Rule != seal.RuleUnverifiable {
			t.Errorf("%s: %+v %v", name, result.Decision, found)
		}
	}
	if result, found := check(nil, nil); result.Document != nil || len(found) != 1 {
		t.Errorf("nothing: %+v %v", result, found)
	}
}

func TestGuessablePlaintextNeedsAKey(t *testing.T) {
	o := options(t, sealtest.NewKeyPair(t))
	r := request("hunter2", nil)
	r.Entropy = seal.Guessable
	result, found := sealOne(t, o, r)
	if result.Document != nil || len(found) != 1 || found[0].Rule != seal.RuleKeyNeeded || !found.Failed() {
		t.Fatalf("without a key: %v", found)
	}
	o.Key = keyFrom(t, 1)
	result, found = sealOne(t, o, r)
	if result.Document == nil || len(found) > 0 || bytes.Contains(result.Document, []byte(" content ")) {
		t.Fatalf("with a key: %v\n%s", found, result.Document)
	}
	o.Key, r.Previous = nil, result.Document
	if result, found := sealOne(t, o, r); result.Decision.Outcome != seal.Unverifiable || !bytes.Equal(result.Document, r.Previous) || len(found) != 1 {
		t.Errorf("key gone: %+v %v", result.Decision, found)
	}
}

// The key comes and goes: one change when it comes, which is not a sealing where the
// tags that are there prove the ciphertext, and none after it.
func TestKeyTransitions(t *testing.T) {
	with := options(t, sealtest.NewKeyPair(t))
	without := with
	with.Key = keyFrom(t, 1)
	for name, test := range map[string]struct {
		entropy seal.Entropy
		first   seal.Outcome // of runs with, without, with, without the key, after one without
	}{
		"strong": {seal.Strong, seal.Keep},
		"in git": {seal.InGit, seal.Seal},
	} {
		t.Run(name, func(t *testing.T) {
			r := request("one", nil)
			r.Entropy = test.entropy
			result, _ := sealOne(t, without, r)
			for i := range 4 {
				before := result.Document
				r.Previous = before
				o := with
				if i%2 == 1 {
					o = without
				}
				result, _ = sealOne(t, o, r)
				if changed := !bytes.Equal(before, result.Document); changed != (i == 0) || i == 0 && result.Decision.Outcome != test.first || i > 0 && result.Decision.Outcome == seal.Seal {
					t.Errorf("run %d: changed %t, %+v", i, changed, result.Decision)
				}
				if i == 0 && (result.Retagged != (test.first == seal.Keep) || bytes.Contains(result.Document, []byte(" content ")) != (test.entropy == seal.InGit)) {
					t.Errorf("a tag without the key stays: retagged %t\n%s", result.Retagged, result.Document)
				}
			}
		})
	}
}

// A document that an older kasou sealed with the key may have a content tag of the
// plaintext beside it: that goes without a new sealing.
func TestAContentTagBesideTheKeysGoes(t *testing.T) {
	o := options(t, sealtest.NewKeyPair(t))
	unkeyed, _ := sealOne(t, o, request("one", nil))
	o.Key = keyFrom(t, 1)
	keyed, _ := sealOne(t, o, request("one", unkeyed.Document))
	if !keyed.Retagged || keyed.Decision.Outcome != seal.Keep {
		t.Fatalf("%+v", keyed)
	}
	for _, key := range []string{"config: ", "name: ", "raw: "} { // the ciphertext
		if line := lineWith(unkeyed.Document, "    "+key); line == "" || line != lineWith(keyed.Document, "    "+key) {
			t.Errorf("%s was sealed anew", key)
		}
	}
	again, found := sealOne(t, o, request("one", keyed.Document))
	if again.Retagged || !bytes.Equal(again.Document, keyed.Document) || len(found) > 0 {
		t.Errorf("a second run: %+v, %v", again.Decision, found)
	}
	o.Key = nil
	for _, text := range []string{"one", "two"} { // nobody can tell without the key
		if gone, _ := sealOne(t, o, request(text, keyed.Document)); gone.Decision.Outcome != seal.Unverifiable || !bytes.Equal(gone.Document, keyed.Document) {
			t.Errorf("without the key, %s: %+v", text, gone.Decision)
		}
	}
}

func lineWith(data []byte, part string) string {
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte(part)) {
			return string(line)
		}
	}
	return ""
}

// Whoever knows the plaintext of a rendered Secret can make a content tag for
// ciphertext of his own: where there is a key, that is not enough.
func TestADowngradedTagDoesNotPass(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	o := options(t, pair)
	o.Key = keyFrom(t, 1)
	forged := o
	forged.Key = nil
	r := request("one", nil)
	r.Entropy = seal.InGit
	r.Previous = func() []byte { f, _ := sealOne(t, forged, r); return f.Document }()
	if result, _ := sealOne(t, o, r); result.Decision.Reason != seal.ReasonWeakTag || bytes.Equal(result.Document, r.Previous) {
		t.Errorf("%+v", result.Decision)
	}
}

func TestARotatedKeySealsOnce(t *testing.T) {
	o := options(t, sealtest.NewKeyPair(t))
	o.Key = keyFrom(t, 1)
	first, _ := sealOne(t, o, request("one", nil))
	o.Key = keyFrom(t, 2)
	second, _ := sealOne(t, o, request("one", first.Document))
	if second.Decision.Reason != seal.ReasonOtherKey {
		t.Fatalf("%+v", second.Decision)
	}
	if third, _ := sealOne(t, o, request("one", second.Document)); !bytes.Equal(third.Document, second.Document) {
		t.Errorf("%+v", third.Decision)
	}
}

func TestAReformattedFileIsPutRightWithoutSealing(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	o := options(t, pair)
	first, _ := sealOne(t, o, request("one", nil))
	messy := append([]byte("# by hand\n---\n"), bytes.ReplaceAll(first.Document, []byte("kind: SealedSecret"), []byte("kind:   'SealedSecret' # x"))...)
	result, _ := sealOne(t, o, request("one", messy))
	if result.Decision.Outcome != seal.Keep || !bytes.Equal(result.Document, first.Document) {
		t.Errorf("%+v", result.Decision)
	}
}

func TestAChartCannotWidenTheScope(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	r := request("one", nil)
	r.Secret.Annotations = map[string]string{
		"sealedsecrets.bitnami.com/cluster-wide":           "true",
		"kubectl.kubernetes.io/last-applied-configuration": `{"data":"one"}`,
	}
	result, _ := sealOne(t, options(t, pair), r)
	if bytes.Contains(result.Document, []byte("cluster-wide")) || bytes.Contains(result.Document, []byte("last-applied")) {
		t.Errorf("%s", result.Document)
	}
}

func TestThePathIsCountedFromTheClustersFolder(t *testing.T) {
	o := options(t, sealtest.NewKeyPair(t))
	first, _ := sealOne(t, o, request("one", nil))
	moved := request("one", first.Document)
	moved.Cluster.File, moved.Path = "deploy/fleet/dev/spec.yaml", "deploy/fleet/root/dev.cluster.yaml"
	if result, _ := sealOne(t, o, moved); result.Decision.Outcome != seal.Keep {
		t.Errorf("%+v", result.Decision)
	}
}
