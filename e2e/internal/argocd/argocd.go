// Package argocd runs the parts of Argo CD that deploy: repo-server,
// application-controller, applicationset-controller, and the redis between them.
package argocd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/e2e/internal/apply"
	"kasou/e2e/internal/cluster"
	"kasou/e2e/internal/pod"
	"kasou/e2e/internal/process"
)

// Namespace is the one that Argo CD is installed into.
const Namespace = "argocd"

// Options say what to run.
type Options struct {
	// Program has all parts; ARGOCD_BINARY_NAME says which it is to be, as in the
	// official image.
	Program string
	// Redis is the path of redis-server.
	Redis string
	// Folder is Argo CD's module: its manifests are in it, and a script that its
	// repo-server calls.
	Folder string
	// Config is the ConfigMap argocd-cm.
	Config map[string]string
}

// ArgoCD is a running Argo CD.
type ArgoCD struct {
	pods      []*pod.Pod
	processes []*process.Process
	metrics   string
}

// program is where the pods have Argo CD.
const program = "/argocd"

// The ports, on the loopback address. metricsPort is not a free choice of ours:
// the controller listens on every address of its network, so the tests have a
// network of their own.
const (
	repositoryPort = "8081"
	redisPort      = "6379"
	metricsPort    = "8082"
)

// Start installs Argo CD (without its API server and user interface) into the
// cluster, and runs it. Stop ends it.
func Start(ctx context.Context, c *cluster.Cluster, o Options) (*ArgoCD, error) {
	if err := install(ctx, c, o); err != nil {
		return nil, fmt.Errorf("install Argo CD: %w", err)
	}
	a := &ArgoCD{metrics: "http://127.0.0.1:" + metricsPort + "/metrics"}
	if err := a.start(ctx, c, o); err != nil {
		a.Stop()
		return nil, err
	}
	return a, nil
}

// install applies what Argo CD's own core installation has, its workloads among
// it: nothing runs them but this package.
func install(ctx context.Context, c *cluster.Cluster, o Options) error {
	config, err := c.Admin()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	home := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, home, metav1.CreateOptions{}); err != nil {
		return err
	}
	manifests, err := os.ReadFile(filepath.Join(o.Folder, "manifests", "core-install.yaml"))
	if err != nil {
		return err
	}
	applier, err := apply.New(config)
	if err != nil {
		return err
	}
	if err := applier.YAML(ctx, manifests, Namespace); err != nil {
		return err
	}
	// What its API server makes when it starts first.
	secrets := client.CoreV1().Secrets(Namespace)
	own, err := secrets.Get(ctx, "argocd-secret", metav1.GetOptions{})
	if err != nil {
		return err
	}
	own.StringData = map[string]string{"server.secretkey": rand.Text()}
	if _, err := secrets.Update(ctx, own, metav1.UpdateOptions{}); err != nil {
		return err
	}
	maps := client.CoreV1().ConfigMaps(Namespace)
	settings, err := maps.Get(ctx, "argocd-cm", metav1.GetOptions{})
	if err != nil {
		return err
	}
	settings.Data = o.Config
	_, err = maps.Update(ctx, settings, metav1.UpdateOptions{})
	return err
}

func (a *ArgoCD) start(ctx context.Context, c *cluster.Cluster, o Options) error {
	redis := exec.Command(o.Redis, "--bind", "127.0.0.1", "--port", redisPort, "--save", "", "--appendonly", "no")
	script, err := os.ReadFile(filepath.Join(o.Folder, "hack", "git-verify-wrapper.sh"))
	if err != nil {
		return err
	}
	if err := a.run("redis", redis); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		args []string
	}{
		{"repo-server", []string{"--address", "127.0.0.1", "--port", repositoryPort, "--metrics-address", "127.0.0.1", "--redis", "127.0.0.1:" + redisPort, "--revision-cache-expiration", "1s"}},
		{"application-controller", []string{"--repo-server", "127.0.0.1:" + repositoryPort, "--redis", "127.0.0.1:" + redisPort, "--metrics-port", metricsPort, "--app-resync", "5", "--app-resync-jitter", "0", "--self-heal-timeout-seconds", "1"}},
		{"applicationset-controller", []string{"--argocd-repo-server", "127.0.0.1:" + repositoryPort, "--namespace", Namespace, "--metrics-addr", "127.0.0.1:8090", "--probe-addr", "127.0.0.1:8091", "--webhook-addr", "127.0.0.1:8092"}},
	} {
		p, err := pod.New("argocd")
		if err != nil {
			return err
		}
		a.pods = append(a.pods, p)
		err = errors.Join(
			p.Account(ctx, c, Namespace, "argocd-"+part.name), p.Mount(program, o.Program),
			p.File("/app/bin/git-verify-wrapper.sh", script, 0o755),
			p.Dir("/app/config/ssh"), p.Dir("/app/config/tls"), p.Dir("/app/config/gpg/keys"), p.Dir("/app/config/gpg/source"),
		)
		if err != nil {
			return err
		}
		// Signatures of commits want gpg, and nothing here asks for them. The address
		// of the API server is a name that only pods know.
		p.Env("ARGOCD_BINARY_NAME=argocd-"+part.name, "ARGOCD_GPG_ENABLED=false", "PATH=/app/bin:"+os.Getenv("PATH"))
		if err := a.run("argocd-"+part.name, p.Command(append([]string{program, "--loglevel", "warn"}, part.args...)...)); err != nil {
			return err
		}
	}
	return a.ready()
}

// ready waits until the controller says how it is.
func (a *ArgoCD) ready() error {
	return a.processes[2].Wait(2*time.Minute, func(ctx context.Context) error {
		_, err := a.Metrics(ctx)
		return err
	})
}

func (a *ArgoCD) run(name string, cmd *exec.Cmd) error {
	if len(a.pods) == 0 {
		p, err := pod.New("redis")
		if err != nil {
			return err
		}
		a.pods = append(a.pods, p)
	}
	p, err := process.Start(name, a.pods[len(a.pods)-1].Log(name), cmd)
	if err == nil {
		a.processes = append(a.processes, p)
	}
	return err
}

// Metrics returns what the application-controller says of itself, in the text
// format of Prometheus.
func (a *ArgoCD) Metrics(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.metrics, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

// Connected returns nil where Argo CD's connection to the API server at the URL is
// Successful, as it says in its metrics.
func (a *ArgoCD) Connected(ctx context.Context, server string) error {
	text, err := a.Metrics(ctx)
	if err != nil {
		return err
	}
	lines := regexp.MustCompile(`(?m)^argocd_cluster_connection_status\{.*$`).FindAllString(text, -1)
	for _, line := range lines {
		if strings.Contains(line, `server="`+server+`"`) && strings.HasSuffix(line, "} 1") {
			return nil
		}
	}
	return fmt.Errorf("not Successful: %s", strings.Join(lines, ", "))
}

// Logs returns the last lines of each part.
func (a *ArgoCD) Logs() string {
	text := ""
	for _, p := range a.processes {
		text += p.Tail() + "\n"
	}
	return text
}

// Stop ends all parts, and removes their files.
func (a *ArgoCD) Stop() {
	for i := len(a.processes) - 1; i >= 0; i-- {
		a.processes[i].Stop()
	}
	for _, p := range a.pods {
		p.Remove()
	}
}
