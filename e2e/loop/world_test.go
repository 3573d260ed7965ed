package loop

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"kasou/e2e/internal/apply"
	"kasou/e2e/internal/argocd"
	"kasou/e2e/internal/cluster"
	"kasou/e2e/internal/controller"
	"kasou/e2e/internal/kubelet"
	"kasou/e2e/internal/process"
)

// world is everything that runs, and the working copy of the person who keeps the
// fleet.
type world struct {
	host       *cluster.Cluster
	client     kubernetes.Interface
	objects    dynamic.Interface
	applier    *apply.Applier
	controller *controller.Controller
	argocd     *argocd.ArgoCD
	kubelet    *kubelet.Kubelet

	// copy is the working copy; home has what kasou and git read beside it.
	copy, home string
	sealKey    string
	// kubeconfig has a context for each host; empty while there is one.
	kubeconfig string
}

// gitURL is the repository as Argo CD and the fleet know it.
const gitURL = "http://git.example.com:3000/fleet.git"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{copy: t.TempDir(), home: t.TempDir()}
	w.startHost(t)
	w.startGit(t)
	var err error
	w.argocd, err = argocd.Start(t.Context(), w.host, argocd.Options{
		Program: tools.ArgoCD, Redis: tools.Redis, Folder: tools.ArgoCDFolder,
		Config: map[string]string{"timeout.reconciliation": "5s", "resource.customizations.health.bitnami.com_SealedSecret": healthCheck(t)},
	})
	check(t, err)
	running = append(running, w.argocd.Stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.argocd.Logs())
			list, err := w.objects.Resource(applications).Namespace(argocd.Namespace).List(context.Background(), metav1.ListOptions{})
			for _, a := range list.Items {
				text, _ := yaml.Marshal(a.Object)
				t.Logf("%s\n%v", text, err)
			}
			if w.kubelet != nil {
				t.Log(w.kubelet.Logs())
			}
		}
	})
	return w
}

// healthCheck returns the check of SealedSecrets that docs/argocd.md has.
func healthCheck(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "argocd.md"))
	check(t, err)
	_, text, found := strings.Cut(string(page), "resource.customizations.health.bitnami.com_SealedSecret: |\n")
	text, _, ended := strings.Cut(text, "```")
	if !found || !ended {
		t.Fatal("docs/argocd.md has no health check of SealedSecrets")
	}
	return text
}

// startHost runs the host cluster: its API server, the controllers that a
// StatefulSet and a deletion need, and the Sealed Secrets controller.
func (w *world) startHost(t *testing.T) {
	t.Helper()
	var err error
	w.host, err = cluster.Start(cluster.Options{Name: "host", ServiceCIDR: "10.96.0.0/16", Etcd: tools.Etcd, APIServer: tools.APIServer})
	check(t, err)
	running = append(running, w.host.Stop)
	file, err := w.host.AdminKubeconfig()
	check(t, err)
	manager, err := process.Start("kube-controller-manager", filepath.Join(w.home, "controller-manager.log"), exec.Command(tools.ControllerManager,
		"--kubeconfig", file, "--authentication-kubeconfig", file, "--authorization-kubeconfig", file, "--leader-elect=false", "--secure-port", "20257",
		"--controllers", "statefulset-controller,namespace-controller,garbage-collector-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,persistentvolumeclaim-protection-controller",
		"--root-ca-file", w.file(t, "host-ca.crt", w.host.CA)))
	check(t, err)
	running = append(running, manager.Stop)
	config, err := w.host.Admin()
	check(t, err)
	w.client, err = kubernetes.NewForConfig(config)
	check(t, err)
	w.objects, err = dynamic.NewForConfig(config)
	check(t, err)
	w.applier, err = apply.New(config)
	check(t, err)
	definition := filepath.Join(tools.SealedSecretsFolder, "helm", "sealed-secrets", "crds", "bitnami.com_sealedsecrets.yaml")
	w.controller, err = controller.Start(t.Context(), w.host, tools.SealedSecrets, definition)
	check(t, err)
	running = append(running, w.controller.Stop)
}

// file writes a file into the home, and returns its path.
func (w *world) file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(w.home, name)
	check(t, os.WriteFile(path, data, 0o600))
	return path
}

// startGit serves an empty repository by git's own server, and clones it.
func (w *world) startGit(t *testing.T) {
	t.Helper()
	projects := t.TempDir()
	w.git(t, projects, "init", "--quiet", "--bare", "--initial-branch=main", "fleet.git")
	w.git(t, filepath.Join(projects, "fleet.git"), "config", "http.receivepack", "true")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:3000")
	check(t, err)
	server := &http.Server{Handler: &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(w.git(t, projects, "--exec-path")), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + projects, "GIT_HTTP_EXPORT_ALL=1", "HOME=" + w.home},
	}}
	go func() { _ = server.Serve(listener) }()
	running = append(running, func() { _ = server.Close() })
	w.git(t, w.copy, "clone", "--quiet", gitURL, ".")
}

// git runs git in a folder, and returns what it printed.
func (w *world) git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(tools.Git, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.home, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// write writes a file of the working copy.
func (w *world) write(t *testing.T, file, text string) {
	t.Helper()
	path := filepath.Join(w.copy, filepath.FromSlash(file))
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, []byte(text), 0o644))
}

// replace changes a text in a file of the working copy.
func (w *world) replace(t *testing.T, file, old, text string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.copy, filepath.FromSlash(file)))
	check(t, err)
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s has no %q:\n%s", file, old, data)
	}
	w.write(t, file, strings.Replace(string(data), old, text, 1))
}

// kasou runs the program in the working copy; it must end with 0.
func (w *world) kasou(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.try(t, args...)
	if err != nil {
		t.Fatalf("kasou %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (w *world) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	file, err := w.host.AdminKubeconfig()
	check(t, err)
	file = cmp.Or(w.kubeconfig, file)
	cmd := exec.Command(tools.Kasou, args...)
	cmd.Dir = w.copy
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.home, "KUBECONFIG=" + file, "KASOU_SEAL_KEY=" + w.sealKey}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// push commits and pushes all that is in the working copy, and returns the
// commit. kasou check must find nothing wrong in it.
func (w *world) push(t *testing.T, subject string) string {
	t.Helper()
	w.git(t, w.copy, "add", "--all")
	w.git(t, w.copy, "commit", "--quiet", "--message", subject)
	w.kasou(t, "check")
	w.git(t, w.copy, "push", "--quiet", "origin", "HEAD:main")
	return strings.TrimSpace(w.git(t, w.copy, "rev-parse", "HEAD"))
}

// runVCluster is the kubelet of a vcluster's only pod.
func (w *world) runVCluster(t *testing.T, namespace, name string) {
	t.Helper()
	insecure := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	var err error
	w.kubelet, err = kubelet.Start(w.host, kubelet.Options{
		Namespace: namespace, Name: name + "-0", Claims: filepath.Join(w.home, "volumes"), Image: image,
		Ready: func(ctx context.Context) error { // the readinessProbe of its StatefulSet
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1:8443/readyz", nil)
			if err != nil {
				return err
			}
			resp, err := insecure.Do(req)
			if err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				err = errors.New(resp.Status)
			}
			return errors.Join(err, resp.Body.Close())
		},
	})
	check(t, err)
	running = append(running, w.kubelet.Stop)
}

// image stands in the place of the images that the charts name.
func image(reference string) (kubelet.Image, error) {
	switch kubelet.Repository(reference) {
	case "ghcr.io/loft-sh/vcluster-pro":
		program := tools.VCluster
		if strings.HasSuffix(reference, ":"+tools.Before) {
			program = tools.VClusterBefore
		}
		return kubelet.Image{Files: map[string]string{"/vcluster": program}, Entrypoint: []string{"/vcluster", "start"}}, nil
	case "ghcr.io/loft-sh/kubernetes":
		return kubelet.Image{Files: map[string]string{
			"/kubernetes/kube-apiserver": tools.APIServer, "/kubernetes/kube-controller-manager": tools.ControllerManager,
			"/kubernetes/kine": tools.Kine,
		}}, nil
	}
	return kubelet.Image{}, fmt.Errorf("no program stands for the image %s", reference)
}

// eventually waits until a question is answered by nil: three minutes at most, with
// the last answer in the error.
func eventually(t *testing.T, what string, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	start := time.Now()
	for {
		err := ask(ctx)
		if err == nil {
			t.Logf("%s: %s", what, time.Since(start).Round(100*time.Millisecond))
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not after %s: %v", what, time.Since(start).Round(time.Second), err)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
