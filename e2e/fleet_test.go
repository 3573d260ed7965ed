package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"kasou/e2e/internal/apply"
	"kasou/e2e/internal/build"
	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/host"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

// newFleet makes a repository without clusters for a host: its Kubernetes
// version, its controller's certificate where that runs, and a service range
// that the build has to find out.
func newFleet(t *testing.T, env *environment) (fleettest.Repo, pipelines.Options) {
	t.Helper()
	full, err := build.APIServer(env.version.minor).Version()
	must(t, err)
	repo := fleettest.New(t, strings.TrimPrefix(full, "v"))
	fleetFile := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(fleetFile, "serviceCIDR: 10.96.0.0/16", "serviceCIDR: auto", 1)))
	if env.noController == nil {
		certificate, err := env.controller.Certificate(t.Context())
		must(t, err)
		repo.Write(t, "clusters/sealed-secrets.crt", certificate)
	}
	must(t, os.CopyFS(filepath.Join(repo.Root, "charts"), os.DirFS("../charts")))
	tools, err := embedded.New(embedded.Options{})
	must(t, err)
	t.Cleanup(func() { _ = tools.Close() })
	options := repo.Options(t, tools)
	options.OpenHost = func(string) (*host.Host, error) { return asked(t, env.host), nil }
	return repo, options
}

// installArgoCD puts the definitions of Argo CD's kinds on the host. It skips
// where they are not at hand.
func installArgoCD(t *testing.T, env *environment) {
	t.Helper()
	const variable = "KASOU_UPSTREAM_CRDS"
	dir := os.Getenv(variable)
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "crds")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "argocd-*.yaml"))
	if len(files) == 0 {
		t.Skipf("SKIPPED: no Argo CD definitions in %s; set %s to a folder with argocd-application-crd.yaml", dir, variable)
	}
	a := applierOf(t, env.host)
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(t, err)
		must(t, a.YAML(t.Context(), data, ""))
	}
	namespace(t, env.host, "argocd")
}

// Whatever kasou writes, the host takes: every document, and every field of it.
func TestAHostAcceptsEverything(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		installArgoCD(t, env)
		repo, options := newFleet(t, env)
		repo.Cluster(t, "own", "  ingress: {enabled: true, host: own.example.com, className: nginx}\n")
		for i, archive := range upstream.All(t) {
			base := filepath.Base(archive)
			repo.Copy(t, "charts/"+base, archive)
			repo.Cluster(t, strings.NewReplacer(".tgz", "", ".", "-").Replace(base), fmt.Sprintf(
				"  chart: {path: charts/%s}\n  ingress: {enabled: true, host: c%d.example.com, className: nginx}\n", base, i))
		}
		r, err := pipelines.Build(t.Context(), options)
		fleettest.MustPass(t, r, err)
		if r.Count(report.Changed) < 2 {
			t.Fatalf("only %d clusters were built", r.Count(report.Changed))
		}
		accept(t, env, repo)
		secrets := 0
		for _, cluster := range r.Clusters {
			t.Run(cluster.Name, func(t *testing.T) { secrets += unsealed(t, env, repo, options.Toolchain, cluster.Name) })
		}
		if env.noController == nil && secrets == 0 {
			t.Error("no chart rendered a Secret; 0.20 and later do")
		}
	})
}

// accept applies all that was generated, first without storing it.
func accept(t *testing.T, env *environment, repo fleettest.Repo) {
	t.Helper()
	objects := generated(t, repo)
	apply.Order(objects)
	a := applierOf(t, env.host)
	for _, object := range objects {
		if object.GetKind() == "Namespace" {
			namespace(t, env.host, object.GetName()) // a dry run needs it
		}
	}
	kinds := map[string]int{}
	for _, dryRun := range []bool{true, false} {
		for _, object := range objects {
			if _, err := a.Object(t.Context(), object, "", dryRun); err != nil {
				t.Errorf("refused (dry run: %t): %v", dryRun, err)
			} else if !dryRun {
				kinds[object.GetKind()]++
			}
		}
	}
	t.Logf("accepted: %v", kinds)
	for _, kind := range []string{"Namespace", "Application", "StatefulSet", "Service", "Ingress", "SealedSecret"} {
		if kinds[kind] == 0 {
			t.Errorf("the fleet has no %s: the test shows too little", kind)
		}
	}
}

// generated reads the manifests and Applications of a repository. Where an
// object names no namespace it gets that of its Application.
func generated(t *testing.T, repo fleettest.Repo) []*unstructured.Unstructured {
	t.Helper()
	return generatedOf(t, repo, "")
}

// generatedOf is generated for one cluster, or for all where that is empty.
func generatedOf(t *testing.T, repo fleettest.Repo, cluster string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	clusters := filepath.Join(repo.Root, "clusters")
	err := filepath.WalkDir(clusters, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(clusters, path)
		parts := strings.Split(filepath.ToSlash(name), "/")
		if err != nil || parts[0] != "root" && (len(parts) < 3 || parts[1] != "manifests") {
			return err
		}
		if cluster != "" && parts[0] != cluster && !strings.HasPrefix(name, filepath.Join("root", cluster+".")) {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		objects, err := apply.Parse(data)
		for _, o := range objects {
			if o.GetNamespace() == "" && o.GetKind() != "Namespace" && !strings.HasPrefix(o.GetKind(), "Cluster") {
				o.SetNamespace(parts[0])
			}
		}
		all = append(all, objects...)
		return err
	})
	must(t, err)
	return all
}

// unsealed compares the Secrets that the controller made with those that the
// chart renders, and gives their number.
func unsealed(t *testing.T, env *environment, repo fleettest.Repo, tools toolchain.Toolchain, name string) int {
	want := rendered(t, env, repo, tools, name)
	if len(want) == 0 {
		return 0
	}
	_ = env.sealing(t)
	for _, secret := range want {
		got := secretOf(t, env, name, secret.Name)
		if got.Type != secret.Type && secret.Type != "" || !maps.EqualFunc(got.Data, secret.Data, bytes.Equal) {
			t.Errorf("Secret %s is not as the chart renders it: type %s, %d keys, want %d", secret.Name, got.Type, len(got.Data), len(secret.Data))
		}
		if len(got.Data) == 0 {
			t.Errorf("Secret %s is empty", secret.Name)
		}
	}
	return len(want)
}

// rendered returns the Secrets that the chart renders with the values that kasou
// wrote.
func rendered(t *testing.T, env *environment, repo fleettest.Repo, tools toolchain.Toolchain, name string) []corev1.Secret {
	t.Helper()
	lock, err := lockfile.Parse(repo.Read(t, "clusters/"+name+"/lock.yaml"))
	must(t, err)
	archive, err := os.ReadFile(filepath.Join(repo.Root, lock.Chart.Path))
	if err != nil {
		return nil // the own chart's folder: it renders no Secret
	}
	full, err := build.APIServer(env.version.minor).Version()
	must(t, err)
	files, err := tools.Template(t.Context(), toolchain.Release{
		Name: name, Namespace: name, KubeVersion: strings.TrimPrefix(full, "v"), Chart: toolchain.Chart{Archive: archive, Digest: manifest.Digest(archive)},
		Values: repo.Read(t, "clusters/"+name+"/values.yaml"),
	})[0].Get()
	must(t, err)
	var secrets []corev1.Secret
	for _, path := range files.Paths() {
		objects, err := apply.Parse(files[path])
		must(t, err)
		for _, o := range objects {
			if o.GetKind() == "Secret" {
				secrets = append(secrets, toSecret(t, o))
			}
		}
	}
	return secrets
}

func toSecret(t *testing.T, o *unstructured.Unstructured) corev1.Secret {
	t.Helper()
	data, err := o.MarshalJSON()
	must(t, err)
	var secret corev1.Secret
	must(t, yaml.UnmarshalStrict(data, &secret))
	for key, value := range secret.StringData {
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[key] = []byte(value)
	}
	return secret
}

// secretOf waits for a Secret that the controller makes.
func secretOf(t *testing.T, env *environment, inNamespace, name string) *corev1.Secret {
	t.Helper()
	secrets := clientOf(t, env.host).CoreV1().Secrets(inNamespace)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		secret, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
		if err == nil {
			return secret
		}
		if !apierrors.IsNotFound(err) || time.Now().After(deadline) {
			t.Fatalf("the controller made no Secret %s/%s: %v", inNamespace, name, err)
		}
	}
}
