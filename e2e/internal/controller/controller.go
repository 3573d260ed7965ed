// Package controller runs the real Sealed Secrets controller against a test
// cluster, in a pod.
package controller

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kasou/e2e/internal/apply"
	"kasou/e2e/internal/cluster"
	"kasou/e2e/internal/pod"
	"kasou/e2e/internal/process"
)

// Namespace and Name are those of the controller's Service, as its chart's
// documentation has them.
const (
	Namespace = "kube-system"
	Name      = "sealed-secrets-controller"
)

// address is that of manifests.yaml.
const address = "192.0.2.10"

//go:embed manifests.yaml
var manifests []byte

// Controller is a running controller.
type Controller struct {
	address string
	pod     *pod.Pod
	process *process.Process
}

// Start installs the definition of SealedSecrets (the file) and the
// controller's rights into the cluster, runs the binary, and waits until it
// serves a certificate. The error is pod.ErrNoNamespaces where it cannot run; the
// definition is there all the same.
func Start(ctx context.Context, c *cluster.Cluster, binary, definition string) (*Controller, error) {
	config, err := c.Admin()
	if err != nil {
		return nil, err
	}
	if err := install(ctx, config, definition); err != nil {
		return nil, fmt.Errorf("install the controller: %w", err)
	}
	if err := pod.Try(); err != nil {
		return nil, err
	}
	k := &Controller{}
	if k.pod, err = pod.New("controller"); err != nil {
		return nil, err
	}
	if err := k.start(ctx, c, binary); err != nil {
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

// addressPod returns the pod the address that a kubelet would.
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

func (k *Controller) start(ctx context.Context, c *cluster.Cluster, binary string) error {
	const program = "/controller"
	if err := errors.Join(k.pod.Account(ctx, c, Namespace, Name), k.pod.Mount(program, binary)); err != nil {
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
	cmd := k.pod.Command(program, "--listen-addr", k.address, "--listen-metrics-addr", fmt.Sprintf("127.0.0.1:%d", port[1]),
		"--key-size", "2048", "--kubeclient-qps", "100", "--kubeclient-burst", "200")
	var err error
	if k.process, err = process.Start(Name, k.pod.Log("controller"), cmd); err != nil {
		return err
	}
	c.Route(address+":8080", k.address)
	return k.process.Wait(time.Minute, func(ctx context.Context) error {
		_, err := k.Certificate(ctx)
		return err
	})
}

// Certificate returns the certificate that the controller seals with now, PEM.
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

// Logs returns the controller's last lines.
func (k *Controller) Logs() string { return k.process.Tail() }

// Stop ends the controller.
func (k *Controller) Stop() {
	if k.process != nil {
		k.process.Stop()
	}
	k.pod.Remove()
}
