// Package controller runs the real Sealed Secrets controller against a test
// cluster. It wants a pod's files and environment: it gets the files in a mount
// namespace of its own.
package controller

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kasou/e2e/internal/apply"
	"kasou/e2e/internal/cluster"
	"kasou/e2e/internal/process"
)

// Namespace and Name are those of the controller's Service, as its chart's
// documentation has them.
const (
	Namespace = "kube-system"
	Name      = "sealed-secrets-controller"
)

// ErrNoNamespaces is a system, or a user, that cannot make mount namespaces:
// the controller cannot run there.
var ErrNoNamespaces = errors.New("cannot make a mount namespace: the Sealed Secrets controller needs Linux, and root or unprivileged user namespaces")

// address is that of manifests.yaml.
const address = "192.0.2.10"

//go:embed manifests.yaml
var manifests []byte

// Controller is a running controller.
type Controller struct {
	address, dir string
	process      *process.Process
}

// Start installs the definition of SealedSecrets (the file) and the
// controller's rights into the cluster, runs the binary, and waits until it
// gives out a certificate. The error is ErrNoNamespaces where it cannot run; the
// definition is there all the same.
func Start(ctx context.Context, c *cluster.Cluster, binary, definition string) (*Controller, error) {
	config, err := c.Admin()
	if err != nil {
		return nil, err
	}
	if err := install(ctx, config, definition); err != nil {
		return nil, fmt.Errorf("install the controller: %w", err)
	}
	if err := namespacesWork(); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoNamespaces, err)
	}
	dir, err := os.MkdirTemp("", "kasou-e2e-controller-")
	if err != nil {
		return nil, err
	}
	k := &Controller{dir: dir}
	if err := k.start(ctx, c, config, binary); err != nil {
		k.Stop()
		return nil, err
	}
	return k, nil
}

func install(ctx context.Context, config *rest.Config, definition string) error {
	data, err := os.ReadFile(definition)
	if err != nil {
		return err
	}
	a, err := apply.New(config)
	if err != nil {
		return err
	}
	for _, documents := range [][]byte{data, manifests} {
		if err := a.YAML(ctx, documents, Namespace); err != nil {
			return err
		}
	}
	return addressPod(ctx, config)
}

// addressPod gives the pod the address that a kubelet would.
func addressPod(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	pods := client.CoreV1().Pods(Namespace)
	pod, err := pods.Get(ctx, Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, address
	pod.Status.PodIPs = []corev1.PodIP{{IP: address}}
	_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

func (k *Controller) start(ctx context.Context, c *cluster.Cluster, config *rest.Config, binary string) error {
	if err := k.writeAccount(ctx, c, config); err != nil {
		return err
	}
	var port [2]int
	for i := range port {
		var err error
		if port[i], err = process.FreePort(); err != nil {
			return err
		}
	}
	k.address = fmt.Sprintf("127.0.0.1:%d", port[0])
	cmd := inPod(k.dir, binary, "--listen-addr", k.address, "--listen-metrics-addr", fmt.Sprintf("127.0.0.1:%d", port[1]),
		"--key-size", "2048", "--kubeclient-qps", "100", "--kubeclient-burst", "200")
	cmd.Env = []string{"KUBERNETES_SERVICE_HOST=127.0.0.1", fmt.Sprintf("KUBERNETES_SERVICE_PORT=%d", c.Port), "PATH=" + os.Getenv("PATH")}
	var err error
	if k.process, err = process.Start(Name, filepath.Join(k.dir, "log"), cmd); err != nil {
		return err
	}
	c.Route(address+":8080", k.address)
	return k.process.Wait(time.Minute, func(ctx context.Context) error {
		_, err := k.Certificate(ctx)
		return err
	})
}

// writeAccount lays down the files of the controller's ServiceAccount.
func (k *Controller) writeAccount(ctx context.Context, c *cluster.Cluster, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	token, err := client.CoreV1().ServiceAccounts(Namespace).CreateToken(ctx, Name, &authv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("token of the controller: %w", err)
	}
	for name, data := range map[string][]byte{"token": []byte(token.Status.Token), "ca.crt": c.CA, "namespace": []byte(Namespace)} {
		if err := os.WriteFile(filepath.Join(k.dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Certificate gives the certificate that the controller seals with now, PEM.
func (k *Controller) Certificate(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.address+"/v1/cert.pem", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// RenewKey makes the controller create a new key at once, as it does by itself
// every 30 days, and gives its certificate. The old keys go on unsealing.
func (k *Controller) RenewKey(ctx context.Context) ([]byte, error) {
	before, err := k.Certificate(ctx)
	if err != nil {
		return nil, err
	}
	if err := k.process.Signal(syscall.SIGUSR1); err != nil {
		return nil, err
	}
	var after []byte
	err = k.process.Wait(30*time.Second, func(ctx context.Context) (err error) {
		if after, err = k.Certificate(ctx); err == nil && string(after) == string(before) {
			err = errors.New("the certificate is still the old one")
		}
		return err
	})
	return after, err
}

// Logs gives the controller's last lines.
func (k *Controller) Logs() string { return k.process.Tail() }

// Stop ends the controller.
func (k *Controller) Stop() {
	if k.process != nil {
		k.process.Stop()
	}
	_ = os.RemoveAll(k.dir)
}
