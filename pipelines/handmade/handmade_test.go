package handmade

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"kasou/pipelines/manifest"

	"sigs.k8s.io/yaml"
)

// rendered is what a chart renders for a release, as short as can be.
func rendered(name, namespace, chart string) string {
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: %[1]s, namespace: %[2]s, labels: {app: vcluster, chart: %[3]s, release: %[1]s}}
spec:
  template: {spec: {containers: [{name: a, args: [--service-cidr=10.9.0.0/16]}, {name: b, args: ["--out-kube-config-server=https://%[1]s.example.com"]}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %[1]s, namespace: %[2]s, labels: {app: vcluster, chart: %[3]s, release: %[1]s}}
spec: {ingressClassName: nginx, rules: [{host: %[1]s.example.com}]}
`, name, namespace, chart)
}

func application(name, path string) string {
	return fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: %s}
spec: {project: teams, source: {path: %s}}
`, name, path)
}

func registration(name string) string {
	return fmt.Sprintf(`apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: %s}
spec: {template: {metadata: {labels: {argocd.argoproj.io/secret-type: cluster}}}}
`, name)
}

func tree3(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func find(t *testing.T, files map[string]string) ([]Cluster, string) {
	t.Helper()
	clusters, found, err := Find(tree3(files), ".")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, f := range found {
		said = append(said, fmt.Sprintf("%s %s %s", f.File, f.Rule, f.Message))
	}
	return clusters, strings.Join(said, "\n")
}

// Two clusters, of which one's name is a part of the other's, with files under names
// that nobody has agreed on.
func TestFind(t *testing.T) {
	clusters, said := find(t, map[string]string{
		"apps/dev/out/all.yaml":      rendered("dev", "vc-dev", "vcluster-0.4.3"),
		"apps/dev/ns.yml":            "apiVersion: v1\nkind: Namespace\nmetadata: {name: vc-dev, labels: {pod-security.kubernetes.io/enforce: baseline}}\n",
		"apps/dev-two/out/all.yaml":  rendered("dev-two", "dev-two", "vcluster-k8s-0.19.7"),
		"values/values-dev.yaml":     "storage: {size: 1Gi}\n",
		"values/values-dev-two.yaml": "storage: {size: 2Gi}\n",
		"argo/one.yaml":              application("development", "apps/dev/out"),
		"argo/two.yaml":              application("dev-two", "apps/dev-two"),
		"argo/x.yaml":                registration("dev-sealed"),
		"argo/y.yaml":                registration("cluster-dev-two"),
		"argo/z.yaml":                registration("somebody"),
		"README.md":                  "no YAML",
		".github/workflows/ci.yaml":  rendered("hidden", "hidden", "vcluster-0.4.3"),
	})
	if len(clusters) != 2 {
		t.Fatalf("found %+v\n%s", clusters, said)
	}
	dev, two := clusters[0], clusters[1]
	for _, c := range []struct{ got, want any }{
		{dev.Name, "dev"}, {dev.Namespace, "vc-dev"}, {dev.Chart + " " + dev.Version, "vcluster 0.4.3"},
		{dev.Host + " " + dev.ClassName, "dev.example.com nginx"}, {dev.Server, "https://dev.example.com"}, {dev.ServiceCIDR, "10.9.0.0/16"},
		{dev.PodSecurity["enforce"], "baseline"}, {dev.ValuesFile, "values/values-dev.yaml"}, {dev.ApplicationName, "development"},
		{dev.Project, "teams"}, {dev.Automated, false}, {dev.RegistrationName, "dev-sealed"},
		{strings.Join(dev.Files(), " "), "apps/dev/ns.yml apps/dev/out/all.yaml argo/one.yaml argo/x.yaml values/values-dev.yaml"},
		{two.Name, "dev-two"}, {two.Chart + " " + two.Version, "vcluster-k8s 0.19.7"}, {two.ValuesFile, "values/values-dev-two.yaml"},
		{two.ApplicationName, "dev-two"}, {two.RegistrationName, "cluster-dev-two"},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	if want := "argo/z.yaml import-whose the cluster Secret somebody is of none of the clusters that were found, or of several"; said != want {
		t.Errorf("said:\n%s", said)
	}
}

func TestFindWhatCannotBePlaced(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", map[string]string{"a.yaml": "a: 1\n"}, ". import-nothing"},
		{"twice", map[string]string{"a.yaml": rendered("dev", "one", "vcluster-0.4.3"), "b.yaml": rendered("dev", "two", "vcluster-0.4.3")},
			"b.yaml import-whose the cluster dev is rendered twice: here and in namespace one"},
		{"a broken file", map[string]string{"a.yaml": rendered("dev", "dev", "vcluster-0.4.3"), "b.yaml": "a: [\n"}, "b.yaml import-unreadable"},
		{"a credential in plain", map[string]string{"a.yaml": rendered("dev", "dev", "vcluster-0.4.3"),
			"b.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: x, labels: {argocd.argoproj.io/secret-type: cluster}}\n"},
			"b.yaml import-plain-secret the credential of a virtual cluster stands in the tree unsealed"},
		{"a rendered Secret", map[string]string{"a.yaml": rendered("dev", "dev", "vcluster-0.4.3"),
			"b.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: vc-config-dev, namespace: dev, labels: {release: dev, chart: vcluster-0.4.3}}\n"},
			"b.yaml import-plain-secret the Secret vc-config-dev stands in the tree unsealed"},
		{"too much", map[string]string{"a.yaml": strings.Repeat("#", maximumFile+1)}, "a.yaml import-unreadable it has more than 16 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, said := find(t, test.files); !strings.Contains(said, test.want) {
				t.Errorf("said %q, want %q", said, test.want)
			}
		})
	}
}

// A sealed Secret of the chart's is the cluster's: kubeseal has its labels in the template.
func TestFindTakesWhatIsSealed(t *testing.T) {
	clusters, said := find(t, map[string]string{
		"a.yaml": rendered("dev", "dev", "vcluster-0.30.0"),
		"b.yaml": "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: vc-config-dev, namespace: dev}\n" +
			"spec: {template: {metadata: {labels: {release: dev, chart: vcluster-0.30.0}}}}\n",
	})
	if said != "" || len(clusters) != 1 || strings.Join(clusters[0].Files(), " ") != "a.yaml b.yaml" {
		t.Errorf("%+v\n%s", clusters, said)
	}
}

// Documents of any shape end in no panic.
func TestFindOddShapes(t *testing.T) {
	for _, text := range []string{
		"apiVersion: apps/v1\nkind: StatefulSet\n", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: 1\nspec: []\n",
		"apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {source: 3}\n", "- 1\n", "3\n", "null\n",
		"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a, labels: {release: a, chart: vcluster-x}}\n",
		"apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nspec: {template: []}\n",
		rendered("a", "a", "vcluster-0.4.3") + "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, namespace: a, labels: {release: a}}\nspec: {rules: [3]}\n",
	} {
		if _, _, err := Find(tree3(map[string]string{"a.yaml": text}), "."); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What Beyond leaves out is what the base has anyway.
func TestBeyond(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		base, values := mapping(r, 3), mapping(r, 3)
		left := Beyond(values, base, nil)
		if want, got := filled(manifest.Coalesce(base, values)), filled(manifest.Coalesce(base, left)); !same(want, got) {
			t.Fatalf("base %v\nvalues %v\nbeyond %v\ngot %v\nwant %v", base, values, left, got, want)
		}
		if again := Beyond(left, manifest.Coalesce(base, left), nil); again != nil {
			t.Fatalf("base %v\nvalues %v\nbeyond %v\nand beyond that %v", base, values, left, again)
		}
	}
}

// A list that kasou fills, too, keeps kasou's items.
func TestBeyondInLists(t *testing.T) {
	base := map[string]any{"args": []any{"a", "b"}}
	for _, test := range []struct{ values, want string }{
		{"args: [a, b]", "null"}, {"args: [b]", "null"}, {"args: []", "null"}, {"args: [c, a]", "args: [a, b, c]"},
	} {
		values, err := ReadValues([]byte(test.values))
		if err != nil {
			t.Fatal(err)
		}
		want, err := ReadValues([]byte(test.want))
		if err != nil {
			t.Fatal(err)
		}
		if got := Beyond(values, base, base); !same(got, want) && (got != nil || len(want) > 0) {
			t.Errorf("%s: %v, want %s", test.values, got, test.want)
		}
		if got := Beyond(values, base, nil); (got == nil) != same(values, base) {
			t.Errorf("%s: a list of the chart's own is replaced: %v", test.values, got)
		}
	}
}

// filled returns the mapping without what is empty, which means nothing to a chart.
func filled(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if inner, ok := v.(map[string]any); ok {
			if v = filled(inner); len(v.(map[string]any)) == 0 {
				continue
			}
		}
		out[k] = v
	}
	return out
}

func mapping(r *rand.Rand, depth int) map[string]any {
	m := map[string]any{}
	for range r.IntN(4) {
		key := string(rune('a' + r.IntN(4)))
		switch {
		case depth > 0 && r.IntN(2) == 0:
			m[key] = mapping(r, depth-1)
		case r.IntN(5) == 0:
			m[key] = []any{float64(r.IntN(2))}
		default:
			m[key] = float64(r.IntN(3))
		}
	}
	return m
}

func FuzzFind(f *testing.F) {
	f.Add(rendered("a", "a", "vcluster-0.4.3"))
	f.Add(registration("a"))
	f.Fuzz(func(t *testing.T, text string) {
		clusters, _, err := Find(tree3(map[string]string{"a/values.yaml": text, "b.yaml": text}), ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clusters {
			if _, err := yaml.Marshal(c.Values); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
}
