package seal_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/sealtest"
	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
)

const manifestFile = "clusters/dev/manifests/vcluster/templates/a.yaml"

const head = "---\n# Source: vcluster/templates/a.yaml\n"

func secretYAML(extra string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n" + extra
}

// Every way to write a Secret with the value "value" under the key k.
var disguises = map[string]string{
	"plain":            head + secretYAML("data:\n  k: dmFsdWU=\n"),
	"stringData":       head + secretYAML("stringData:\n  k: value\n"),
	"stringData wins":  head + secretYAML("stringData:\n  k: value\ndata:\n  k: b2xk\n"),
	"quoted":           "\"apiVersion\": 'v1'\n'kind': \"Secret\"\nmetadata: {name: a}\nstringData: {k: value}\n",
	"escaped":          "apiVersion: v1\n\"k\\x69nd\": \"\\x53ecret\"\nmetadata: {name: a}\nstringData: {k: value}\n",
	"comment":          "apiVersion: v1 # x\nkind: Secret # y\nmetadata: {name: a}\nstringData: {k: value} # z\n",
	"anchor":           "metadata: {name: a, labels: {x: &s Secret}}\napiVersion: v1\nkind: *s\nstringData: {k: value}\n",
	"merge":            "<<: {kind: Secret, apiVersion: v1}\nmetadata: {name: a}\nstringData: {k: value}\n",
	"folded":           "apiVersion: v1\nkind: >-\n  Secret\nmetadata: {name: a}\nstringData: {k: value}\n",
	"line continued":   "apiVersion: v1\nkind: \"Sec\\\n  ret\"\nmetadata: {name: a}\nstringData: {k: value}\n",
	"tagged":           "apiVersion: v1\nkind: !!str Secret\nmetadata: {name: a}\nstringData: {k: value}\n",
	"explicit key":     "apiVersion: v1\n? kind\n: Secret\nmetadata: {name: a}\nstringData: {k: value}\n",
	"JSON":             `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"k":"value"}}`,
	"CRLF":             strings.ReplaceAll(head+secretYAML("stringData:\n  k: value\n"), "\n", "\r\n"),
	"no line end":      secretYAML("stringData: {k: value}"),
	"behind a marker":  "--- {apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {k: value}}\n",
	"byte order mark":  "\ufeff" + secretYAML("stringData: {k: value}\n"),
	"document end":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n...\n" + secretYAML("stringData: {k: value}\n...\n"),
	"own namespace":    "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: dev}\nstringData: {k: value}\n",
	"null values":      secretYAML("data:\nstringData: {k: value}\n"),
	"List":             "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: a}\n  stringData: {k: value}\n",
	"List in a List":   "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {k: value}}\n",
	"SecretList":       "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: a}\n  stringData: {k: value}\n",
	"last of several":  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {note: '---'}\n---\n# only a comment\n---\n" + secretYAML("stringData: {k: value}\n"),
	"first of several": head + secretYAML("stringData: {k: value}\n") + "---\n# Source: b\napiVersion: v1\nkind: ConfigMap\n",
}

func TestADisguisedSecretIsSealed(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	o := options(t, pair)
	for name, file := range disguises {
		t.Run(name, func(t *testing.T) {
			out, found := rendered(t, o, manifest.Files{manifestFile: []byte(file)}, nil)
			if len(found) > 0 {
				t.Fatal(found)
			}
			if strings.Contains(string(out[manifestFile]), "value") {
				t.Fatalf("plaintext is left:\n%s", out[manifestFile])
			}
			noSecretIn(t, out[manifestFile])
			secret := pair.Unseal(t, sealedIn(t, out[manifestFile]))
			if string(secret.Data["k"]) != "value" || secret.Namespace != "dev" || secret.Name != "a" || len(secret.Data) != 1 {
				t.Errorf("unsealed to %+v", secret)
			}
			again, found := rendered(t, o, manifest.Files{manifestFile: []byte(file)}, out)
			if diff := cmp.Diff(string(out[manifestFile]), string(again[manifestFile])); diff != "" || len(found) > 0 {
				t.Errorf("sealed again: %v\n%s", found, diff)
			}
		})
	}
}

func TestOtherDocumentsKeepTheirBytes(t *testing.T) {
	before := "# head\r\napiVersion: v1\nkind: ConfigMap # Secret\nmetadata: {name: b}\ndata:\n  x: |\n    kind: Secret\n    ----\n  y: \"\\u00e9\"   \n"
	after := "---\n# Source: c\n\napiVersion: apps/v1\nkind: Deployment\nspec: {a: &x 1, b: *x}\n\n\n# end"
	file := before + head + secretYAML("stringData: {k: value}\n\n# password: value\n") + after
	out, found := rendered(t, options(t, sealtest.NewKeyPair(t)), manifest.Files{manifestFile: []byte(file), "clusters/dev/x.yaml": []byte("no: \"Secret\"\n")}, nil)
	if len(found) > 0 {
		t.Fatal(found)
	}
	got := string(out[manifestFile])
	if !strings.HasPrefix(got, before+head+"apiVersion: bitnami.com/v1alpha1\n") || !strings.HasSuffix(got, "\n"+after) {
		t.Errorf("got:\n%s", got)
	}
	if strings.Contains(got, "password") {
		t.Error("a comment of the Secret is left")
	}
	if string(out["clusters/dev/x.yaml"]) != "no: \"Secret\"\n" {
		t.Error("another file changed")
	}
}

func TestTheUnsealedSecretIsTheRenderedOne(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	binary := []byte{0, 0xff, '\n', 0x80}
	file := head + "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nimmutable: true\nmetadata:\n  name: a\n  namespace: other\n  labels: {app: vcluster}\n" +
		"  annotations: {helm.sh/hook: pre-install, argocd.argoproj.io/sync-wave: '-3', argocd.argoproj.io/tracking-id: x, note: x}\n" +
		"data: {bin: " + base64.StdEncoding.EncodeToString(binary) + ", empty: ''}\n"
	out, found := rendered(t, options(t, pair), manifest.Files{manifestFile: []byte(file)}, nil)
	if len(found) > 0 {
		t.Fatal(found)
	}
	document := sealedIn(t, out[manifestFile])
	secret := pair.Unseal(t, document)
	if secret.Type != "kubernetes.io/tls" || secret.Immutable == nil || !*secret.Immutable || secret.Namespace != "other" || secret.Labels["app"] != "vcluster" || len(secret.Annotations) != 4 {
		t.Errorf("unsealed to %+v", secret)
	}
	if string(secret.Data["bin"]) != string(binary) || len(secret.Data["empty"]) != 0 || len(secret.Data) != 2 {
		t.Errorf("unsealed to %v", secret.Data)
	}
	own, _, _ := strings.Cut(string(document), "\nspec:")
	if !strings.Contains(own, "helm.sh/hook: pre-install") || !strings.Contains(own, "sync-wave: \"-4\"") || strings.Contains(own, "tracking-id") || strings.Contains(own, "note:") {
		t.Errorf("the SealedSecret's own metadata:\n%s", own)
	}
}

// Of one wave Argo CD applies custom kinds last: in the Secret's own, a workload that reads it
// would come before it.
func TestASealedSecretComesBeforeTheSecretsWave(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	for annotations, want := range map[string]string{
		"":                                   "-1",
		"argocd.argoproj.io/sync-wave: '5'":  "4",
		"argocd.argoproj.io/sync-wave: five": "-1",
		"helm.sh/hook: pre-install":          "-1",
		"helm.sh/hook-weight: '-5', helm.sh/hook: a":                  "-6",
		"helm.sh/hook-weight: '5', argocd.argoproj.io/sync-wave: '2'": "1",
	} {
		file := head + strings.Replace(secretYAML("stringData: {k: value}\n"), "name: a", "name: a\n  annotations: {"+annotations+"}", 1)
		out, found := rendered(t, options(t, pair), manifest.Files{manifestFile: []byte(file)}, nil)
		own, _, _ := strings.Cut(string(sealedIn(t, out[manifestFile])), "\nspec:")
		if len(found) > 0 || !strings.Contains(own, "sync-wave: \""+want+"\"") {
			t.Errorf("%q: want the wave %s: %v\n%s", annotations, want, found, own)
		}
	}
}

func TestWithoutACertificateEverySecretIsAFinding(t *testing.T) {
	file := head + secretYAML("stringData: {k: value}\n") + head + strings.Replace(secretYAML("data: {k: dmFsdWU=}\n"), "name: a", "name: b", 1)
	out, found := rendered(t, seal.Options{Tool: tool, Now: day1}, manifest.Files{manifestFile: []byte(file)}, nil)
	if out != nil || len(found) != 2 {
		t.Fatalf("%v", found)
	}
	for i, line := range []int{4, 11} {
		f := found[i]
		if f.Rule != seal.RuleNoCertificate || f.Line != line || f.File != manifestFile || f.Cluster != "dev" || !strings.Contains(f.Hint, "certificate: sealed-secrets.crt") {
			t.Errorf("%+v", f)
		}
	}
	none, found := rendered(t, seal.Options{Tool: tool, Now: day1}, manifest.Files{manifestFile: []byte("kind: ConfigMap\n")}, nil)
	if len(none) != 1 || len(found) > 0 {
		t.Errorf("no Secret, no finding: %v", found)
	}
}

func TestWhatCannotBeSealedStopsTheCluster(t *testing.T) {
	tests := []struct {
		name, file string
		rule       finding.Rule
		want       string
	}{
		{"no YAML", "kind: Secret\n\tx: [", seal.RuleUnreadableDocument, "not YAML"},
		{"duplicate kind", "apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata: {name: a}\n", seal.RuleUnreadableDocument, "key twice"},
		{"two documents by another line end", "kind: ConfigMap\u2028---\u2028kind: Secret\n", seal.RuleUnreadableDocument, ""},
		{"JSON lines", "{\"kind\":\"ConfigMap\"}\n{\"kind\":\"Secret\"}\n", seal.RuleUnreadableDocument, ""},
		{"other group", "apiVersion: example.com/v1\nkind: Secret\nmetadata: {name: a}\n", seal.RuleInvalidSecret, "apiVersion"},
		{"no version", "kind: Secret\nmetadata: {name: a}\n", seal.RuleInvalidSecret, "apiVersion"},
		{"no name", "apiVersion: v1\nkind: Secret\nmetadata: {generateName: a-}\n", seal.RuleInvalidSecret, "metadata.name"},
		{"bad name", "apiVersion: v1\nkind: Secret\nmetadata: {name: A_b}\n", seal.RuleInvalidSecret, "DNS-1123"},
		{"bad base64", secretYAML("data: {k: '*'}\n"), seal.RuleInvalidSecret, "data.k is not base64"},
		{"number", secretYAML("stringData: {k: 8080}\n"), seal.RuleInvalidSecret, "stringData is not a map of strings"},
		{"list", secretYAML("data: [a]\n"), seal.RuleInvalidSecret, "data is not a map"},
		{"bad key", secretYAML("stringData: {'a b': c}\n"), seal.RuleInvalidSecret, "one of its keys"},
		{"type", secretYAML("type: 5\n"), seal.RuleInvalidSecret, "type is not a string"},
		{"immutable", secretYAML("immutable: 'yes'\n"), seal.RuleInvalidSecret, "immutable"},
		{"unknown field", secretYAML("datas: {k: v}\n"), seal.RuleInvalidSecret, "a field other than"},
		{"labels", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, labels: [x]}\n", seal.RuleInvalidSecret, "metadata"},
		{"twice", secretYAML("stringData: {k: v}\n") + "---\n" + secretYAML("stringData: {k: w}\n"), seal.RuleInvalidSecret, "twice"},
	}
	o := options(t, sealtest.NewKeyPair(t))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, found := rendered(t, o, manifest.Files{manifestFile: []byte(test.file)}, nil)
			if out != nil || len(found) != 1 || found[0].Rule != test.rule || !strings.Contains(found[0].Message, test.want) || found[0].Line == 0 {
				t.Errorf("%v, want %s with %q", found, test.rule, test.want)
			}
		})
	}
}

func TestACommittedPlainSecretIsSaid(t *testing.T) {
	file := manifest.Files{manifestFile: []byte(disguises["plain"])}
	out, found := rendered(t, options(t, sealtest.NewKeyPair(t)), file, file)
	if len(found) != 1 || found[0].Rule != seal.RuleCommittedPlain || found.Failed() {
		t.Errorf("%v", found)
	}
	noSecretIn(t, out[manifestFile])
}

func TestATokenSecretIsSealedWithAWarning(t *testing.T) {
	file := secretYAML("  annotations: {kubernetes.io/service-account.name: x}\ntype: kubernetes.io/service-account-token\n")
	out, found := rendered(t, options(t, sealtest.NewKeyPair(t)), manifest.Files{manifestFile: []byte(file)}, nil)
	if len(found) != 1 || found[0].Rule != seal.RuleTokenSecret || !strings.Contains(string(out[manifestFile]), "encryptedData: {}") {
		t.Errorf("%v\n%s", found, out[manifestFile])
	}
}

func TestOnlyTheChangedSecretOfAFileIsSealedAnew(t *testing.T) {
	o := options(t, sealtest.NewKeyPair(t))
	file := func(a, b string) manifest.Files {
		two := strings.Replace(secretYAML("stringData: {k: "+b+"}\n"), "name: a", "name: b", 1)
		return manifest.Files{manifestFile: fmt.Appendf(nil, "---\n%s---\n%s", secretYAML("stringData: {k: "+a+"}\n"), two)}
	}
	first, _ := rendered(t, o, file("one", "two"), nil)
	second, found := rendered(t, o, file("one", "three"), first)
	parts := func(f manifest.Files) []string { return strings.SplitAfter(string(f[manifestFile]), "---\n") }
	if parts(first)[1] != parts(second)[1] || parts(first)[2] == parts(second)[2] {
		t.Error("not the right one was sealed anew")
	}
	if len(found) != 1 || found[0].Rule != seal.RuleResealed || !strings.Contains(found[0].Message, "dev/b") {
		t.Errorf("%v", found)
	}
}

func TestTamperingInARenderedFileIsRepairedAndSaid(t *testing.T) {
	pair := sealtest.NewKeyPair(t)
	o := options(t, pair)
	files := manifest.Files{manifestFile: []byte(disguises["plain"])}
	first, _ := rendered(t, o, files, nil)
	edited := manifest.Files{manifestFile: []byte(strings.Replace(string(first[manifestFile]), "    k: A", "    k: B", 1))}
	out, found := rendered(t, o, files, edited)
	if len(found) != 1 || found[0].Rule != seal.RuleTampered || found[0].Severity != finding.Warning || found[0].Line != 4 {
		t.Errorf("%v", found)
	}
	if string(pair.Unseal(t, sealedIn(t, out[manifestFile])).Data["k"]) != "value" {
		t.Error("not repaired")
	}
}
