package pipelines_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/realtool"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/finding"
	"kasou/pipelines/handmade"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
)

// byHand leaves in the repository what the procedure by hand leaves: what the helm
// command renders, with the chart's own values edited, an Application and a sealed
// cluster Secret.
func byHand(t *testing.T, repo fleettest.Repo, name, archive, values string) {
	t.Helper()
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	repo.Write(t, "charts/"+filepath.Base(archive), data)
	files, err := realtool.HelmTemplate(t, toolchain.Release{Name: name, Namespace: "vc-" + name, KubeVersion: "1.34.1",
		Chart: toolchain.Chart{Archive: data}, Values: []byte(values)})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range files {
		repo.Write(t, path.Join("old", name, "manifests", file), content)
	}
	repo.Write(t, "old/"+name+"/values.yaml", []byte(values))
	repo.Write(t, "old/"+name+"/manifests/ns.yaml", fmt.Appendf(nil, "apiVersion: v1\nkind: Namespace\nmetadata: {name: vc-%s}\n", name))
	repo.Write(t, "old/root/"+name+".yaml", fmt.Appendf(nil, `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: vcluster-%[1]s, namespace: argocd}
spec:
  project: default
  destination: {server: https://kubernetes.default.svc, namespace: vc-%[1]s}
  source: {repoURL: https://git.example.com/platform.git, path: old/%[1]s/manifests}
  syncPolicy: {automated: {}}
`, name))
	repo.Write(t, "old/root/"+name+"-secret.yaml", fmt.Appendf(nil, `apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: %[1]s-argocd, namespace: argocd}
spec:
  encryptedData: {server: AgB}
  template: {metadata: {labels: {argocd.argoproj.io/secret-type: cluster}}}
`, name))
}

// A tree made by hand becomes specs whose build renders the same, byte for byte, but for
// what the report names.
func TestImport(t *testing.T) {
	repo := fleettest.New(t, "1.34.1")
	byHand(t, repo, "old", upstream.Chart(t, "vcluster-0.4.3"), `
storage: {persistence: true, size: 20Gi}
vcluster: {extraArgs: [--service-cidr=10.97.0.0/16]}
syncer: {extraArgs: ["--out-kube-config-server=https://old.example.com"]}
ingress: {enabled: true, host: old.example.com, ingressClassName: nginx}
`)
	byHand(t, repo, "newer", upstream.Chart(t, "vcluster-0.36.1"), `
controlPlane:
  ingress: {enabled: true, host: new.example.com, spec: {ingressClassName: nginx}}
  proxy: {extraSANs: [new.example.com]}
  statefulSet: {resources: {limits: {memory: 5Gi}}}
exportKubeConfig: {server: "https://new.example.com"}
`)
	o := repo.Options(t, tools(t))
	r, err := pipelines.ImportTree(t.Context(), o, pipelines.Import{From: "old", ChartArchives: "charts"})
	fleettest.MustPass(t, r, err)
	old, newer := string(repo.Read(t, "clusters/old/spec.yaml")), string(repo.Read(t, "clusters/newer/spec.yaml"))
	for _, part := range []string{"size: 20Gi", "host: old.example.com", "serviceCIDR: 10.97.0.0/16", "namespace: vc-old", "path: charts/vcluster-0.4.3.tgz"} {
		if !strings.Contains(old, part) {
			t.Errorf("no %s in\n%s", part, old)
		}
	}
	if strings.Contains(old, "extraArgs") || strings.Contains(newer, "extraSANs") || strings.Contains(newer, "exportKubeConfig") {
		t.Errorf("a spec repeats what kasou makes of its fields:\n%s\n%s", old, newer)
	}
	if !strings.Contains(newer, "memory: 5Gi") {
		t.Errorf("no memory in\n%s", newer)
	}
	built, err := pipelines.Build(t.Context(), o)
	fleettest.MustPass(t, built, err)
	named := map[string]bool{}
	for _, f := range r.Findings {
		if f.Rule == handmade.RuleDiffers {
			named[f.Cluster+" "+strings.Fields(f.Message)[0]] = true
		}
	}
	for _, name := range []string{"old", "newer"} {
		for _, file := range filesBelow(t, repo, "old/"+name+"/manifests/vcluster") {
			before, after := repo.Read(t, "old/"+name+"/manifests/vcluster/"+file), repo.Read(t, "clusters/"+name+"/manifests/vcluster/"+file)
			kind := kindOf(string(before))
			if string(before) != string(after) && !named[name+" "+kind] {
				t.Errorf("%s: %s (%s) is another one, and the report does not say so:\n%v", name, file, kind, named)
			}
		}
	}
	steps := r.Steps
	if len(steps) != 4 || steps[0].State != report.StepNext || !strings.Contains(steps[0].Detail, "old/root/old-secret.yaml") {
		t.Errorf("steps: %+v", steps)
	}
	again, err := pipelines.ImportTree(t.Context(), o, pipelines.Import{From: "old", ChartArchives: "charts"})
	fleettest.MustPass(t, again, err)
	if len(again.Clusters) != 0 || string(repo.Read(t, "clusters/old/spec.yaml")) != old || !hasRule(again, pipelines.RuleImportKnown) {
		t.Errorf("imported twice: %+v", again.Clusters)
	}
	if !hasRule(r, handmade.RuleRenamed) {
		t.Error("the other names are not told")
	}
}

// A TLSRoute becomes spec.endpoint, whether the chart renders it or a person wrote it; what
// the fleet's defaults say anyway is left out. One that the field cannot say stays in the
// values.
func TestImportTakesTheGateway(t *testing.T) {
	repo := fleettest.New(t, "1.34.1")
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(string(repo.Read(t, "clusters/fleet.yaml")), "  host:",
		"  defaults: {endpoint: {gateway: {host: \"{name}.example.com\", parentRefs: [{name: public, namespace: gateways}]}}}\n  host:", 1)))
	values := func(name, parents string) string {
		return fmt.Sprintf(`
controlPlane:
  tlsRoute: {enabled: true, host: %[1]s.example.com, parentRefs: %[2]s}
  proxy: {extraSANs: [%[1]s.example.com]}
exportKubeConfig: {server: "https://%[1]s.example.com"}
`, name, parents)
	}
	newest := upstream.Chart(t, "vcluster-0.36.1")
	byHand(t, repo, "same", newest, values("same", "[{name: public, namespace: gateways}]"))
	byHand(t, repo, "other", newest, values("other", "[{name: private, sectionName: tls}]"))
	byHand(t, repo, "mesh", newest, values("mesh", "[{kind: Service, group: '', name: mesh}]"))
	byHand(t, repo, "inner", newest, "{}\n")
	byHand(t, repo, "older", upstream.Chart(t, "vcluster-0.4.3"), `
syncer: {extraArgs: ["--tls-san=older.example.org", "--out-kube-config-server=https://older.example.org"]}
`)
	repo.Write(t, "old/older/manifests/route.yaml", []byte(`apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: older, namespace: vc-older, annotations: {team: a}}
spec:
  parentRefs: [{name: public, namespace: gateways}]
  hostnames: [older.example.org]
  rules: [{backendRefs: [{name: older, port: 443}]}]
`))
	o := repo.Options(t, tools(t))
	r, err := pipelines.ImportTree(t.Context(), o, pipelines.Import{From: "old", ChartArchives: "charts"})
	fleettest.MustPass(t, r, err)
	importedSpecs(t, repo, map[string]parts{
		"same":  {nil, []string{"endpoint", "values", "tlsRoute", "\n  server:", "ingress"}},
		"other": {[]string{"endpoint:\n    gateway:", "host: other.example.com", "name: private", "sectionName: tls"}, []string{"values", "\n  server:"}},
		"mesh":  {[]string{"tlsRoute", "kind: Service", "gateway:\n      enabled: false"}, []string{"name: public"}},
		"inner": {[]string{"gateway:\n      enabled: false"}, []string{"host:"}},
		"older": {[]string{"host: older.example.org", "team: a"}, []string{"parentRefs", "\n  server:", "values"}},
	})
	for _, f := range r.Findings {
		if f.Rule == handmade.RuleDiffers && strings.Contains(f.Message, "TLSRoute") && f.Message != "TLSRoute vc-older/older: it differs in metadata.labels" {
			t.Errorf("%s: %s", f.Cluster, f.Message)
		}
	}
	if !strings.Contains(r.Steps[0].Detail, "old/older/manifests/route.yaml") {
		t.Errorf("nobody is told to remove the route: %s", r.Steps[0].Detail)
	}
}

// A Service of type LoadBalancer or NodePort becomes spec.endpoint where that makes the same
// Service, and stays in the values where it does not.
func TestImportTakesTheService(t *testing.T) {
	repo := fleettest.New(t, "1.34.1")
	newest, old := upstream.Chart(t, "vcluster-0.36.1"), upstream.Chart(t, "vcluster-0.19.7")
	service := func(server, text string) string {
		host := strings.Split(server, ":")[0]
		return "controlPlane:\n  service: " + text + "\n  proxy: {extraSANs: [" + host + "]}\nexportKubeConfig: {server: \"https://" + server + "\"}\n"
	}
	byHand(t, repo, "balanced", newest, service("balanced.example.com", "{annotations: {external-dns.alpha.kubernetes.io/hostname: balanced.example.com, team: a}, spec: {type: LoadBalancer}}"))
	byHand(t, repo, "address", newest, service("192.0.2.7", "{spec: {type: LoadBalancer}}"))
	byHand(t, repo, "unnamed", newest, service("unnamed.example.com", "{spec: {type: LoadBalancer}}"))
	byHand(t, repo, "ported", newest, service("192.0.2.9:30443", "{httpsNodePort: 30443, spec: {type: NodePort}}"))
	byHand(t, repo, "any-port", newest, service("192.0.2.9:30444", "{spec: {type: NodePort}}"))
	byHand(t, repo, "older", old, `
service: {type: LoadBalancer, loadBalancerAnnotations: {external-dns.alpha.kubernetes.io/hostname: older.example.com}}
syncer: {extraArgs: ["--tls-san=older.example.com", "--out-kube-config-server=https://older.example.com"]}
`)
	o := repo.Options(t, tools(t))
	r, err := pipelines.ImportTree(t.Context(), o, pipelines.Import{From: "old", ChartArchives: "charts"})
	fleettest.MustPass(t, r, err)
	importedSpecs(t, repo, map[string]parts{
		"balanced": {[]string{"loadBalancer:\n      annotations:\n        team: a\n      host: balanced.example.com"}, []string{"values", "\n  server:"}},
		"address":  {[]string{"loadBalancer:\n      host: 192.0.2.7"}, []string{"values", "\n  server:"}},
		"unnamed":  {[]string{"type: LoadBalancer", "\n  server: https://unnamed.example.com"}, []string{"endpoint"}},
		"ported":   {[]string{"nodePort:\n      host: 192.0.2.9\n      port: 30443"}, []string{"values", "\n  server:"}},
		"any-port": {[]string{"type: NodePort", "\n  server: https://192.0.2.9:30444"}, []string{"endpoint"}},
		"older":    {[]string{"loadBalancer:\n      host: older.example.com"}, []string{"values", "\n  server:"}},
	})
	for _, f := range r.Findings {
		if f.Rule == handmade.RuleDiffers && strings.Contains(f.Message, "Service ") {
			t.Errorf("%s: %s", f.Cluster, f.Message)
		}
	}
}

func hasRule(r *report.Report, rule finding.Rule) bool {
	return slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.Rule == rule })
}

// parts are texts that a file has, and texts that it lacks.
type parts struct{ has, lacks []string }

// importedSpecs holds the specs that an import wrote to what they have to say, by the
// clusters' names.
func importedSpecs(t *testing.T, repo fleettest.Repo, wanted map[string]parts) {
	t.Helper()
	for name, want := range wanted {
		spec := string(repo.Read(t, "clusters/"+name+"/spec.yaml"))
		for _, part := range want.has {
			if !strings.Contains(spec, part) {
				t.Errorf("%s: no %q in\n%s", name, part, spec)
			}
		}
		for _, part := range want.lacks {
			if strings.Contains(spec, part) {
				t.Errorf("%s: %q in\n%s", name, part, spec)
			}
		}
	}
}

// filesBelow returns the paths of the files below a folder of the repository, from it.
func filesBelow(t *testing.T, repo fleettest.Repo, dir string) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(filepath.Join(repo.Root, dir)), ".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, file)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %d files", dir, err, len(files))
	}
	return files
}

func kindOf(text string) string {
	for line := range strings.Lines(text) {
		if kind, ok := strings.CutPrefix(line, "kind: "); ok {
			return strings.TrimSpace(kind)
		}
	}
	return ""
}

// A cluster whose chart cannot be had is left unfinished; nothing is written for it.
func TestImportWithoutTheChart(t *testing.T) {
	repo := fleettest.New(t, "1.34.1")
	byHand(t, repo, "old", upstream.Chart(t, "vcluster-0.4.3"), "storage: {size: 20Gi}\n")
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(string(repo.Read(t, "clusters/fleet.yaml")), "  host:",
		"  defaults: {chart: {repository: \"http://127.0.0.1:1\", name: vcluster, version: 0.1.0}}\n  host:", 1)))
	r, err := pipelines.ImportTree(t.Context(), repo.Options(t, tools(t)), pipelines.Import{From: "old"})
	if err != nil || len(r.Unfinished) == 0 || r.Clusters[0].Status != report.Failed {
		t.Fatalf("%v, %+v", err, r)
	}
	if _, err := os.Stat(filepath.Join(repo.Root, "clusters/old")); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
}
