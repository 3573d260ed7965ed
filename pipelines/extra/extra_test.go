package extra_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/extra"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/tree/disk"
)

func cluster() fleet.Cluster {
	return fleet.Cluster{Name: "dev", Spec: fleet.ClusterSpec{Namespace: "team-dev"}}
}

func repo(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		at := filepath.Join(root, "clusters", "dev", "extra", name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {pods: \"3\"}}\n"

func TestRead(t *testing.T) {
	for _, test := range []struct {
		name, file, text string
		want             finding.Rule
		line             int
	}{
		{name: "a quota", file: "quota.yaml", text: quota},
		{name: "a note beside", file: "README.md", text: "words\n"},
		{name: "an upper case", file: "Quota.yaml", text: quota, want: extra.RuleFile},
		{name: "yml", file: "quota.yml", text: quota, want: extra.RuleFile},
		{name: "json", file: "quota.json", text: "{}", want: extra.RuleFile},
		{name: "hidden", file: ".argocd-source.yaml", text: quota, want: extra.RuleFile},
		{name: "below", file: "more/quota.yaml", text: quota, want: extra.RuleFile},
		{name: "not YAML", file: "a.yaml", text: "a: [\n", want: extra.RuleSyntax},
		{name: "empty", file: "a.yaml", text: "# nothing\n", want: extra.RuleSyntax, line: 1},
		{name: "a key twice", file: "a.yaml", text: "kind: A\nkind: B\n", want: extra.RuleSyntax, line: 2},
		{name: "a key twice in JSON", file: "a.yaml", text: quota + "a: {1: b,\n  1.0: c}\n", want: extra.RuleSyntax, line: 6},
		{name: "a merged key in another form", file: "a.yaml", text: quota + "a: &a {1: b}\nb:\n  <<: *a\n  1.0: c\n", want: extra.RuleSyntax, line: 8},
		{name: "a merge of no mapping", file: "a.yaml", text: quota + "---\n" + quota + "a: {<<: b}\n", want: extra.RuleSyntax, line: 6},
		{name: "a key that is a mapping", file: "a.yaml", text: quota + "a: {? {b: c} : d}\n", want: extra.RuleSyntax, line: 1},
		{name: "aliases without end", file: "a.yaml", text: "a: &a [b, b, b, b, b, b, b, b, b]\n" + bombs("abcdefgh"), want: extra.RuleSyntax, line: 1},
		{name: "an escape that is lost", file: "a.yaml", text: quota + "a:\n- b\n- \"c\\Nd\"\n", want: extra.RuleSyntax, line: 7},
		{name: "no kind", file: "a.yaml", text: quota + "---\napiVersion: v1\nmetadata: {name: a}\n", want: extra.RuleSyntax, line: 6},
		{name: "a List", file: "a.yaml", text: "apiVersion: v1\nkind: List\nitems: []\n", want: extra.RuleSyntax, line: 2},
		{name: "behind the marker", file: "a.yaml", text: "--- {kind: Secret}\n", want: extra.RuleSyntax, line: 1},
		{name: "a Secret", file: "a.yaml", text: quota + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n", want: extra.RuleSecret, line: 7},
		{name: "a Secret by an escape", file: "a.yaml", text: "apiVersion: v1\nkind: \"S\\u0065cret\"\nmetadata: {name: a}\n", want: extra.RuleSecret, line: 2},
		{name: "a Secret by an anchor", file: "a.yaml", text: "apiVersion: v1\nmetadata: {name: &k Secret}\nkind: *k\n", want: extra.RuleSecret, line: 3},
		{name: "a Secret behind a line separator", file: "a.yaml", text: "apiVersion: v1\nmetadata: {name: a}\n# \u2028kind: Secret\n", want: extra.RuleSecret},
	} {
		t.Run(test.name, func(t *testing.T) {
			all, found, err := extra.Read(disk.At(repo(t, map[string]string{test.file: test.text}), "clusters"), cluster())
			if err != nil {
				t.Fatal(err)
			}
			if test.want == "" {
				if len(found) > 0 || test.file == "quota.yaml" && (len(all.Objects) != 1 || all.Digest() == "") {
					t.Errorf("%v, %+v", found, all)
				}
				return
			}
			if len(found) != 1 || found[0].Rule != test.want || test.line > 0 && found[0].Line != test.line {
				t.Errorf("found %v, want %s at line %d", found, test.want, test.line)
			}
		})
	}
}

// bombs returns lists that each repeat the one before nine times.
func bombs(names string) string {
	text := ""
	for i := range len(names) - 1 {
		text += names[i+1:i+2] + ": &" + names[i+1:i+2] + " [" + strings.TrimSuffix(strings.Repeat("*"+names[i:i+1]+", ", 9), ", ") + "]\n"
	}
	return text
}

// An object may have what it merges otherwise, as Argo CD's reader takes it: the last one
// counts, wherever << stands.
func TestAnOverridingMerge(t *testing.T) {
	root := repo(t, map[string]string{"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {a: b, c: d}, annotations: {<<: *l, c: own}}\ndata: {c: own, <<: *l}\n"})
	all, found, err := extra.Read(disk.At(root, "clusters"), cluster())
	if err != nil || len(found) > 0 || len(all.Objects) != 1 {
		t.Fatalf("%v, %v, %+v", err, found, all)
	}
	files, err := all.Manifests("clusters", cluster(), func(map[string]any) bool { return true })
	const want = "apiVersion: v1\ndata:\n  a: b\n  c: d\nkind: ConfigMap\nmetadata:\n  annotations:\n    a: b\n    c: own\n  labels:\n    a: b\n    c: d\n  name: a\n  namespace: team-dev\n"
	if got := string(files["clusters/dev/manifests/extra/a.yaml"]); err != nil || !strings.HasSuffix(got, want) {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestReadFollowsNoLink(t *testing.T) {
	root := repo(t, map[string]string{"quota.yaml": quota})
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "clusters/dev/extra/passwd.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, found, err := extra.Read(disk.At(root, "clusters"), cluster()); err != nil || len(found) != 1 || found[0].Rule != extra.RuleFile {
		t.Errorf("%v, %v", found, err)
	}
}

func TestManifests(t *testing.T) {
	root := repo(t, map[string]string{
		"a.yaml": quota + "---\napiVersion: example.com/v1\nkind: World\nmetadata: {name: w}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: elsewhere}\n",
	})
	all, found, err := extra.Read(disk.At(root, "clusters"), cluster())
	if err != nil || len(found) > 0 {
		t.Fatal(found, err)
	}
	files, err := all.Manifests("clusters", cluster(), func(fields map[string]any) bool { return fields["kind"] != "World" })
	if err != nil {
		t.Fatal(err)
	}
	const want = `# Written by kasou from clusters/dev/extra/a.yaml. Do not edit.
apiVersion: v1
kind: ResourceQuota
metadata:
  name: q
  namespace: team-dev
spec:
  hard:
    pods: "3"
---
apiVersion: example.com/v1
kind: World
metadata:
  name: w
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: c
  namespace: elsewhere
`
	if got := string(files["clusters/dev/manifests/extra/a.yaml"]); got != want || len(files) != 1 {
		t.Errorf("got\n%s\nin %v", got, files.Paths())
	}
}

func TestNoFolder(t *testing.T) {
	all, found, err := extra.Read(disk.At(t.TempDir(), "clusters"), cluster())
	if err != nil || len(found) > 0 || all.Digest() != "" {
		t.Errorf("%v, %v, %v", all, found, err)
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "clusters/dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "clusters/dev/extra"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, found, _ := extra.Read(disk.At(root, "clusters"), cluster()); len(found) != 1 || !strings.Contains(found[0].Message, "not a folder") {
		t.Errorf("%v", found)
	}
}
