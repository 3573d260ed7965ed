package argocd

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func exampleFleet(clusters ...fleet.Cluster) *fleet.Fleet {
	return &fleet.Fleet{
		Dir: "clusters",
		Spec: fleet.FleetSpec{
			Repository: fleet.Repository{URL: "https://github.com/acme/platform.git", Revision: "main", Path: "platform/clusters"},
			ArgoCD:     fleet.FleetArgoCD{Namespace: "argocd", Destination: "https://kubernetes.default.svc"},
		},
		Clusters: clusters,
	}
}

func cluster(name string, change func(*fleet.ClusterSpec)) fleet.Cluster {
	automated := true
	c := fleet.Cluster{Name: name, File: "clusters/" + name + "/spec.yaml", Spec: fleet.ClusterSpec{
		Namespace: name,
		ArgoCD:    &fleet.ArgoCD{Project: "default", Automated: &automated, Deletion: "orphan"},
	}}
	if change != nil {
		change(&c.Spec)
	}
	return c
}

func shared(s *fleet.ClusterSpec) { s.Namespace, s.ShareNamespace = "shared", true }

func TestObjects(t *testing.T) {
	for name, test := range map[string]struct {
		clusters []fleet.Cluster
		extras   []Extra
	}{
		"orphan": {clusters: []fleet.Cluster{cluster("development", nil)}},
		"cascade-by-hand": {clusters: []fleet.Cluster{cluster("development", func(s *fleet.ClusterSpec) {
			*s.ArgoCD.Automated, s.ArgoCD.Deletion = false, "cascade"
		})}},
		"pod-security": {clusters: []fleet.Cluster{cluster("development", func(s *fleet.ClusterSpec) {
			s.PodSecurity = &fleet.PodSecurity{Enforce: "baseline", Warn: "restricted"}
		})}},
		"extra": {
			clusters: []fleet.Cluster{cluster("development", nil)},
			extras: []Extra{{File: "vc-cidr.yaml", Object: map[string]any{
				"kind": "ConfigMap", "apiVersion": "v1",
				"metadata": map[string]any{"namespace": "development", "name": "vc-cidr-development"},
				"data":     map[string]any{"cidr": "10.96.0.0/16"},
			}}},
		},
		"shared-first":  {clusters: []fleet.Cluster{cluster("alpha", shared), cluster("beta", shared)}},
		"shared-second": {clusters: []fleet.Cluster{cluster("beta", shared), cluster("alpha", shared)}},
	} {
		t.Run(name, func(t *testing.T) {
			f := exampleFleet(test.clusters...)
			f.Clusters = sortedByName(f.Clusters)
			files, findings, err := Objects(f, test.clusters[0], test.extras)
			if err != nil || len(findings) != 0 {
				t.Fatalf("findings %v, error %v", findings, err)
			}
			golden(t, filepath.Join("testdata", name+".golden"), files.Files())
		})
	}
}

func sortedByName(clusters []fleet.Cluster) []fleet.Cluster {
	if len(clusters) == 2 && clusters[0].Name > clusters[1].Name {
		return []fleet.Cluster{clusters[1], clusters[0]}
	}
	return clusters
}

// golden holds all files in one: "=== path" and the content.
func golden(t *testing.T, name string, files manifest.Files) {
	t.Helper()
	var b bytes.Buffer
	for _, p := range files.Paths() {
		b.WriteString("=== " + p + "\n")
		b.Write(files[p])
	}
	if *update {
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got), -update rewrites it:\n%s", name, diff)
	}
}

func TestApplicationIsStamped(t *testing.T) {
	c := cluster("development", nil)
	files, _, err := Objects(exampleFleet(c), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	data := files["clusters/root/development.yaml"].Bytes
	if !tree.Stamped(c.File, data) {
		t.Errorf("not stamped:\n%s", data)
	}
	edited := bytes.Replace(data, []byte("selfHeal: true"), []byte("selfHeal: false"), 1)
	if tree.Stamped(c.File, edited) {
		t.Error("an edited file counts as unedited")
	}
	if tree.Stamped("clusters/other/spec.yaml", data) {
		t.Error("a copy counts as another cluster's")
	}
}

// An orphan's Application must not carry the finalizer, under any choice.
func TestFinalizerOnlyForCascade(t *testing.T) {
	for _, deletion := range []string{"orphan", "cascade"} {
		c := cluster("development", func(s *fleet.ClusterSpec) { s.ArgoCD.Deletion = deletion })
		files, _, err := Objects(exampleFleet(c), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		var app struct{ Metadata struct{ Finalizers []string } }
		if err := yaml.Unmarshal(files["clusters/root/development.yaml"].Bytes, &app); err != nil {
			t.Fatal(err)
		}
		if has := len(app.Metadata.Finalizers) > 0; has != (deletion == "cascade") {
			t.Errorf("deletion %s: finalizers %v", deletion, app.Metadata.Finalizers)
		}
	}
}

func TestSharersMustAgreeOnPodSecurity(t *testing.T) {
	alpha := cluster("alpha", shared)
	beta := cluster("beta", func(s *fleet.ClusterSpec) {
		shared(s)
		s.PodSecurity = &fleet.PodSecurity{Enforce: "restricted"}
	})
	f := exampleFleet(alpha, beta)
	for c, want := range map[*fleet.Cluster]int{&alpha: 0, &beta: 1} {
		_, findings, err := Objects(f, *c, nil)
		if err != nil || len(findings) != want {
			t.Errorf("%s: findings %v, error %v; want %d", c.Name, findings, err, want)
		}
		for _, found := range findings {
			if found.Rule != RuleSharedPodSecurity || !strings.Contains(found.Message, "alpha") {
				t.Errorf("unexpected finding %v", found)
			}
		}
	}
}

func TestExtraMustStayInTheManifestsFolder(t *testing.T) {
	c := cluster("development", nil)
	for _, file := range []string{"../spec.yaml", "a/b.yaml", "namespace.yaml", "cm.json", ".hidden.yaml", ""} {
		if _, _, err := Objects(exampleFleet(c), c, []Extra{{File: file}}); err == nil {
			t.Errorf("%q was accepted", file)
		}
	}
}

// What a spec allows into another namespace, Argo CD has to let through, too.
func TestTheProjectLetsThroughWhatASpecAllows(t *testing.T) {
	f := exampleFleet(
		cluster("a", func(s *fleet.ClusterSpec) {
			s.ArgoCD.Project = "own"
			s.Allow = []fleet.Allowed{{Kind: "ConfigMap", Namespace: "monitoring"}, {Group: "scheduling.k8s.io", Kind: "PriorityClass"}}
		}),
		cluster("b", func(s *fleet.ClusterSpec) {
			s.ArgoCD.Project = "other"
			s.Allow = []fleet.Allowed{{Kind: "ConfigMap", Namespace: "kept"}}
		}),
	)
	f.Spec.ArgoCD.Projects = []fleet.Project{{Name: "own", Generated: true}}
	files, err := Bootstrap(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	project := string(files[f.Dir+"/bootstrap/project-own.yaml"])
	for text, want := range map[string]int{"namespace: a\n": 1, "namespace: monitoring\n": 1, "namespace: kept\n": 0} {
		if got := strings.Count(project, text); got != want {
			t.Errorf("%q stands there %d times:\n%s", text, got, project)
		}
	}
}

// The destinations of an AppProject are patterns: the brackets of an IPv6 address would be a
// set of characters, and match no server (run with gobwas/glob 0.2.3, which Argo CD has).
func TestTheProjectLetsThroughAnIPv6Server(t *testing.T) {
	const server = "https://[fd00::1]:6443"
	f := exampleFleet(cluster("a", func(s *fleet.ClusterSpec) { s.ArgoCD.Project = "own" }))
	f.Spec.ArgoCD.Destination = server
	f.Spec.ArgoCD.Projects = []fleet.Project{{Name: "own", Generated: true}}
	files, err := Bootstrap(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if project := string(files[f.Dir+"/bootstrap/project-own.yaml"]); !strings.Contains(project, `server: https://\[fd00::1\]:6443`+"\n") {
		t.Errorf("the brackets are a pattern:\n%s", project)
	}
	objects, _, err := Objects(f, f.Clusters[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if application := string(objects.Files()["clusters/root/a.yaml"]); !strings.Contains(application, "server: "+server+"\n") {
		t.Errorf("the Application has another server:\n%s", application)
	}
}
