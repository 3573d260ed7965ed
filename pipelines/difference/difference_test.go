package difference

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const statefulSet = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: dev}
spec:
  template:
    metadata:
      annotations: {hash: %s}
    spec:
      containers:
%s
      volumes: [{name: data, emptyDir: {}}, {name: config, secret: {secretName: c}}]
`

func pod(hash, containers string) []byte {
	return fmt.Appendf(nil, statefulSet, strings.Repeat(hash, 32), containers)
}

func sealedSecret(cipher, plaintextTag, certificate, more string) []byte {
	return fmt.Appendf(nil, `apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata:
  annotations: {kasou/sealed-at: "%s", kasou/sealed-with: %s, kasou/tag: v1 content %s, kasou/tag-plaintext: %s}
  name: vc-dev
spec:
  encryptedData: {config: %s%s}
`, cipher, certificate, cipher, plaintextTag, strings.Repeat(cipher, 200), more)
}

const (
	syncer = "      - {name: syncer, image: a:1, env: [{name: A, value: \"1\"}, {name: B, value: x}], ports: [{containerPort: 8443}, {containerPort: 80}], volumeMounts: [{mountPath: /data, name: data}]}\n"
	proxy  = "      - {name: proxy, image: p:1, args: [--a, --b]}"
)

// cases are changes, by the name of their golden file.
var cases = map[string][]Change{
	"created-and-deleted": {
		{Path: "clusters/dev/a.yaml", New: []byte("a: 1\n")},
		{Path: "clusters/dev/b.yaml", Old: []byte("b: 1\n")},
		{Path: "clusters/dev/empty.yaml", New: []byte{}},
	},
	"renamed": {
		{Path: "a.yaml", Old: []byte("kind: Service\nmetadata: {name: x, namespace: n}\nspec: {a: 1}\n")},
		{Path: "b.yaml", New: []byte("kind: Service\nmetadata: {name: x, namespace: n}\nspec: {a: 2}\n")},
		{Path: "c.txt", Old: []byte("text\n")},
		{Path: "d.txt", New: []byte("text\n")},
		{Path: "e.yaml", Old: []byte("kind: Service\nmetadata: {name: y}\n")},
		{Path: "f.yaml", New: []byte("kind: Service\nmetadata: {name: z}\n")},
	},
	"lists-by-name": {{Path: "a.yaml",
		Old: pod("ab", syncer+proxy),
		New: pod("cd", proxy+"\n"+strings.NewReplacer(`{name: A, value: "1"}, `, `{name: Z, value: "no"}, `, "a:1", "a:2", "{containerPort: 8443}, {containerPort: 80}", "{containerPort: 80, name: web}, {containerPort: 8443}", "/data", "/srv").Replace(syncer))}},
	"lists-of-texts": {{Path: "a.yaml",
		Old: []byte("args: [--a=1, --b, --c]\norder: [a, b]\nempty: []\nnames: [{name: a, v: 1}, {name: a, v: 2}]\n"),
		New: []byte("args: [--b, --c, --a=2, --d]\norder: [b, a]\nempty: [1]\nnames: [{name: a, v: 1}, {name: a, v: 3}]\n")}},
	"documents": {{Path: "a.yaml",
		Old: []byte("kind: A\nmetadata: {name: x}\nv: 1\n---\nkind: B\nmetadata: {name: x}\nv: 1\n---\nkind: C\nmetadata: {name: gone}\n"),
		New: []byte("kind: B\nmetadata: {name: x}\nv: 2\n---\nkind: A\nmetadata: {name: x}\nv: 1\n")}},
	"documents-without-names": {{Path: "a.yaml", Old: []byte("a: 1\n---\na: 1\n"), New: []byte("a: 1\n---\na: 2\n---\n# nothing\n---\nb: 1\n")}},
	"types":                   {{Path: "a.yaml", Old: []byte("a: 1\nb: 'true'\nc: {}\nd: null\ne: ' x'\nf: {g: 1}\n"), New: []byte("a: '1'\nb: true\nc: []\nd: ''\ne: x y\nf: [1]\n")}},
	"only-order":              {{Path: "a.yaml", Old: []byte("a: 1\nb: 2\n"), New: []byte("# first\nb: 2\na: 1\n")}},
	"text-of-lines":           {{Path: "a.yaml", Old: []byte("a: |\n  x\n  -- y\n  z\n"), New: []byte("a: |\n  x\n  z\nb: |\n  one\n  two\n")}},
	"not-yaml":                {{Path: "a.txt", Old: []byte("a\nb\n"), New: []byte("a\nc\n")}, {Path: "b.yaml", Old: []byte("a: [\n"), New: []byte("a: 1\n")}},
	"lock": {
		{Path: "clusters/dev/lock.yaml", Old: []byte("chart: {digest: sha256:" + strings.Repeat("a1", 32) + ", version: 0.4.3}\ninputs: x\nfiles: {a: b}\n"),
			New: []byte("chart: {digest: sha256:" + strings.Repeat("b1", 32) + ", version: 0.5.0}\ninputs: y\nfiles: {c: d}\n")},
		{Path: "clusters/prod/lock.yaml", Old: []byte("inputs: x\n"), New: []byte("inputs: y\n")},
	},
	"sealed": {
		{Path: "values.yaml", Old: sealedSecret("aaaa", "v1 content 1", "c1", ""), New: sealedSecret("bbbb", "v1 content 2", "c1", "")},
		{Path: "certificate.yaml", Old: sealedSecret("aaaa", "v1 k 1", "c1", ""), New: sealedSecret("bbbb", "v1 k 1", "c2", "")},
		{Path: "key.yaml", Old: sealedSecret("aaaa", "v1 k 1", "c1", ""), New: sealedSecret("bbbb", "v1 l 1", "c2", "")},
		{Path: "same.yaml", Old: sealedSecret("aaaa", "v1 k 1", "c1", ""), New: sealedSecret("bbbb", "v1 k 1", "c1", "")},
		{Path: "more.yaml", Old: sealedSecret("aaaa", "v1 k 1", "c1", ""), New: sealedSecret("bbbb", "v1 k 2", "c1", ", other: "+strings.Repeat("cccc", 50))},
		{Path: "tags.yaml", Old: sealedSecret("aaaa", "v1 k 1", "c1", ""), New: sealedSecret("aaaa", "v1 k 2", "c1", "")},
		{Path: "foreign.yaml", Old: sealedSecret("aaaa", "''", "c1", ""), New: sealedSecret("bbbb", "''", "c1", "")},
	},
	"secret": {
		{Path: "a.yaml", Old: []byte("kind: Secret\nmetadata: {name: x}\ndata: {p: hunter2}\n"), New: sealedSecret("bbbb", "v1 k 1", "c1", "")},
		{Path: "b.yaml", Old: []byte("kind: Secret\nstringData: {p: hunter2\n"), New: []byte("a: 1\n")},
	},
	"hostile": {{
		Path: "a\x1b[2J\n+++ b/forged.yaml",
		Old:  []byte("title: \"\\e]0;owned\\a\"\n"),
		New:  []byte("title: \"\\u202etxt\\r\\n+ forged: line\"\ntab:\tü\u200b\n"),
	}},
}

func TestMeaning(t *testing.T) {
	for name, changes := range cases {
		t.Run(name, func(t *testing.T) { golden(t, name+".meaning", Meaning(changes)) })
	}
}

func TestFull(t *testing.T) {
	for name, changes := range cases {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, c := range changes {
				b.WriteString(Full(c))
			}
			golden(t, name+".full", Visible(b.String()))
		})
	}
}

// What is sealed, or ought to be, is in no difference.
func TestNoSecretIsShown(t *testing.T) {
	for name, changes := range cases {
		text := Meaning(changes)
		for _, c := range changes {
			text += Full(c)
		}
		for _, secret := range []string{"aaaaaaaa", "bbbbbbbb", "cccccccc", "hunter2"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %q is shown in\n%s", name, secret, text)
			}
		}
	}
}

// Aliases that unfold to billions of values are not unfolded, and what is large takes no
// time that grows with its square.
func TestHostileFilesAreBounded(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		alias := fmt.Sprintf("*a%d", i)
		bomb += fmt.Sprintf("a%d: &a%[1]d [%s%s]\n", i+1, strings.Repeat(alias+", ", 9), alias)
	}
	var wide, deep strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&wide, "- {name: n%d}\n", i)
	}
	for range 1000 {
		deep.WriteString("[")
	}
	deep.WriteString(strings.Repeat("]", 1000))
	for name, text := range map[string]string{"bomb": bomb, "wide": wide.String(), "deep": deep.String()} {
		begun := time.Now()
		if _, ok := Values(nil, []byte(text)); ok && name != "wide" {
			t.Errorf("%s was unfolded", name)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

func FuzzMeaning(f *testing.F) {
	for _, changes := range cases {
		for _, c := range changes {
			f.Add(c.Old, c.New)
		}
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		for line := range strings.Lines(Meaning([]Change{{Path: "a.yaml", Old: append([]byte{}, before...), New: append([]byte{}, after...)}})) {
			if !strings.ContainsAny(line[:1], "+-!@ \\") && line != "a.yaml\n" {
				t.Errorf("the line %q is of no kind", line)
			}
		}
	})
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), -update rewrites it:\n%s", file, diff)
	}
}
