package manifest_test

import (
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kasou/internal/realtool"
	"kasou/internal/upstream"
	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
	"kasou/pipelines/toolchain"
)

const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    name: other\n  name: \"dev-1\"\n  namespace: team\nspec:\n  name: no\n"

func TestGlance(t *testing.T) {
	if h, ok := manifest.Glance([]byte("# Source: x\n" + deployment)); !ok || h != (manifest.Glanced{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "team", Name: "dev-1", NoHook: true}) {
		t.Errorf("%+v, %t", h, ok)
	}
	for name, text := range map[string]string{
		"flow":                "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
		"flow metadata":       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
		"kind twice":          deployment + "kind: Secret\n",
		"name twice":          "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b\n",
		"metadata twice":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\nmetadata:\n  name: b\n",
		"no name":             "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {}\n",
		"generated name":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  generateName: a-\n",
		"a list":              "apiVersion: v1\nkind: ConfigMapList\nmetadata:\n  name: a\n",
		"a number":            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: 12\n",
		"a boolean":           "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: On\n",
		"an alias":            "apiVersion: v1\nkind: ConfigMap\nmetadata: &a\n  name: a\n",
		"a tag":               "apiVersion: v1\nkind: !!str ConfigMap\nmetadata:\n  name: a\n",
		"a quote goes on":     "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  annotations:\n    a: \"x\n  name: b\n  \"\n",
		"a quoted key":        "\"apiVersion\": v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
		"a comment behind":    "apiVersion: v1\nkind: ConfigMap # really\nmetadata:\n  name: a\n",
		"a merge":             "apiVersion: v1\nkind: ConfigMap\n<<: {}\nmetadata:\n  name: a\n",
		"a path as a version": "apiVersion: ../v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
		"two documents":       deployment + "...\n" + deployment,
		"a name goes on":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n    b\n",
		"a kind goes on":      "apiVersion: v1\nkind: Config\n  Map\nmetadata:\n  name: a\n",
		"a list goes on":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: [b,\n  name: a\n  ]\n",
		"tabs":                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n",
	} {
		if h, ok := manifest.Glance([]byte(text)); ok {
			t.Errorf("%s: sure of %+v", name, h)
		}
	}
}

func TestGlanceLooksForHooks(t *testing.T) {
	for name, test := range map[string]struct {
		metadata string
		want     bool
	}{
		"no annotations":     {"  labels: {a: b}\n", true},
		"texts":              {"  annotations:\n    example.com/a: \"true\"\n    b: HTTPS\n  labels:\n    annotations: 1\n", true},
		"a hook":             {"  annotations:\n    helm.sh/hook: pre-install\n", false},
		"a hook in escapes":  {"  annotations:\n    \"helm\\u002esh/hook\": pre-install\n", false},
		"a number":           {"  annotations:\n    a: 1\n", false},
		"a boolean":          {"  annotations:\n    a: yes\n", false},
		"a word over lines":  {"  annotations:\n    a: b\n      c\n", false},
		"a map":              {"  annotations:\n    a:\n      b: c\n", false},
		"in brackets":        {"  annotations: {a: 1}\n", false},
		"a quoted key":       {"  \"annotations\":\n    a: 1\n", false},
		"a key with a blank": {"  annotations :\n    a: 1\n", false},
		"a merge":            {"  <<: {annotations: {a: 1}}\n", false},
		"a long key":         {"  ? annotations\n  : {a: 1}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			h, ok := manifest.Glance([]byte("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n" + test.metadata + "data: {}\n"))
			if !ok || h.NoHook != test.want {
				t.Errorf("%+v, %t", h, ok)
			}
		})
	}
}

// agrees compares with a parser, where glance is sure.
func agrees(t *testing.T, data []byte) (sure bool) {
	t.Helper()
	h, ok := manifest.Glance(data)
	if !ok {
		return false
	}
	parsed, err := position.Parse(data, 0)
	if err != nil || len(parsed.Duplicates()) > 0 {
		return true // the validator refuses it
	}
	for path, want := range map[string]string{"apiVersion": h.APIVersion, "kind": h.Kind, "metadata.name": h.Name, "metadata.namespace": h.Namespace} {
		if got, _ := parsed.Scalar(strings.Split(path, ".")...); got != want {
			t.Errorf("%s is %q, and a parser reads %q in\n%s", path, want, got, data)
		}
	}
	if h.NoHook {
		noHook(t, data)
	}
	return true
}

// noHook reads what Helm reads of an object to sort it.
func noHook(t *testing.T, data []byte) {
	t.Helper()
	if _, err := yaml.YAMLToJSON(data); err != nil {
		return // the validator, which reads with the same parser, refuses it
	}
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name        string            `json:"name"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if err := yaml.Unmarshal(data, &head); err != nil {
		t.Errorf("the head cannot be read: %v, in\n%s", err, data)
	} else if head.Metadata.Annotations["helm.sh/hook"] != "" {
		t.Errorf("a hook, in\n%s", data)
	}
}

func FuzzGlance(f *testing.F) {
	f.Add([]byte(deployment))
	f.Add([]byte("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    x: |\n      name: b\n"))
	f.Fuzz(func(t *testing.T, data []byte) { agrees(t, data) })
}

// It is worth it: what real charts render is mostly written so.
func TestGlanceOnUpstreamCharts(t *testing.T) {
	sure, all := 0, 0
	for _, path := range upstream.All(t) {
		archive, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files, err := realtool.HelmTemplate(t, toolchain.Release{Name: "dev", Namespace: "dev", Chart: toolchain.Chart{Archive: archive}, KubeVersion: "1.34.1"})
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range files {
			for _, d := range manifest.Parse(manifest.Rendered, name, data).Documents {
				if all++; agrees(t, d.Bytes) {
					sure++
				}
			}
		}
	}
	if sure < all*3/4 {
		t.Errorf("sure of %d of %d documents", sure, all)
	}
	t.Logf("sure of %d of %d documents", sure, all)
}
