package cluster

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"

	"kasou/e2e/internal/process"
)

// patience is how long a server may take to start: seconds on an idle machine.
const patience = 2 * time.Minute

func (c *Cluster) startEtcd(o Options) (url string, err error) {
	var port [2]int
	for i := range port {
		if port[i], err = process.FreePort(); err != nil {
			return "", err
		}
	}
	url = fmt.Sprintf("http://127.0.0.1:%d", port[0])
	peer := fmt.Sprintf("http://127.0.0.1:%d", port[1])
	p, err := c.run(o.Name+"-etcd", exec.Command(o.Etcd, "--data-dir", filepath.Join(c.dir, "etcd"),
		"--unsafe-no-fsync", "--log-level", "warn", "--name", "e2e", "--initial-cluster", "e2e="+peer,
		"--listen-client-urls", url, "--advertise-client-urls", url,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer))
	if err != nil {
		return "", err
	}
	return url, p.Wait(patience, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", nil)
		if err != nil {
			return err
		}
		return ok(http.DefaultClient, req)
	})
}

func (c *Cluster) startAPIServer(o Options, store string) error {
	files, err := c.writeKeys(o)
	if err != nil {
		return err
	}
	if c.Port, err = process.FreePort(); err != nil {
		return err
	}
	c.URL = fmt.Sprintf("https://127.0.0.1:%d", c.Port)
	args := []string{
		"--etcd-servers", store, "--etcd-healthcheck-timeout", "10s",
		"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", fmt.Sprint(c.Port),
		"--endpoint-reconciler-type", "none", // it refuses a loopback address
		"--service-cluster-ip-range", o.ServiceCIDR,
		"--tls-cert-file", files.serverCert, "--tls-private-key-file", files.serverKey,
		"--client-ca-file", files.ca, "--authorization-mode", "RBAC", "--allow-privileged",
		"--service-account-issuer", "https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file", files.tokens, "--service-account-signing-key-file", files.tokens,
		"--egress-selector-config-file", files.egress, "--profiling=false",
	}
	p, err := c.run(o.Name+"-kube-apiserver", exec.Command(o.APIServer, append(args, o.Args...)...))
	if err != nil {
		return err
	}
	return p.Wait(patience, c.ready)
}

func (c *Cluster) run(name string, cmd *exec.Cmd) (*process.Process, error) {
	p, err := process.Start(name, filepath.Join(c.dir, name+".log"), cmd)
	if err == nil {
		c.processes = append(c.processes, p)
	}
	return p, err
}

// ready also waits for what the server writes into itself after its start.
func (c *Cluster) ready(ctx context.Context) error {
	config, err := c.Admin()
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	for _, path := range []string{"/readyz", "/api/v1/namespaces/default", "/api/v1/namespaces/kube-system"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, nil)
		if err != nil {
			return err
		}
		if err := ok(client, req); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

type keyFiles struct{ ca, serverCert, serverKey, tokens, egress string }

// writeKeys lays down what kube-apiserver reads from files.
func (c *Cluster) writeKeys(o Options) (keyFiles, error) {
	pair, err := c.ca.server(append([]string{"localhost", "kubernetes", "kubernetes.default"}, o.Hostnames...))
	if err != nil {
		return keyFiles{}, err
	}
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return keyFiles{}, err
	}
	tokens, err := keyPEM(signer)
	if err != nil {
		return keyFiles{}, err
	}
	f := keyFiles{ca: "ca.crt", serverCert: "server.crt", serverKey: "server.key", tokens: "tokens.key", egress: "egress.yaml"}
	for _, file := range []struct {
		path *string
		data []byte
	}{
		{&f.ca, c.CA}, {&f.serverCert, pair.Certificate}, {&f.serverKey, pair.Key},
		{&f.tokens, tokens}, {&f.egress, c.egress.config()},
	} {
		*file.path = filepath.Join(c.dir, *file.path)
		if err := os.WriteFile(*file.path, file.data, 0o600); err != nil {
			return keyFiles{}, err
		}
	}
	return f, nil
}
