// Package cluster runs a Kubernetes control plane's heart: one etcd and one
// kube-apiserver, on the loopback address, with a certificate authority of
// their own. There are no nodes and no controllers: what is applied is
// validated, defaulted and stored, and nothing runs.
package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kasou/e2e/internal/process"
)

// Options say what to run.
type Options struct {
	// Name is for logs and certificates.
	Name string
	// Etcd and APIServer are the binaries' paths.
	Etcd, APIServer string
	// ServiceCIDR is the range of Service addresses, or two with a comma.
	ServiceCIDR string
	// Hostnames are DNS names that the server's certificate has beside the
	// loopback address.
	Hostnames []string
	// Args go to kube-apiserver, after all others.
	Args []string
}

// Cluster is a running API server with its store.
type Cluster struct {
	// URL of the API server, https on the loopback address; Port its port.
	URL  string
	Port int
	// CA is the certificate authority's certificate, PEM.
	CA []byte

	ca        *authority
	dir       string
	processes []*process.Process
	egress    *egress
	admin     func() (KeyPair, error)
}

// Start runs a cluster and waits until its API server says that it is ready.
// Stop ends it.
func Start(o Options) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "kasou-e2e-"+o.Name+"-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir}
	if err := c.start(o); err != nil {
		c.Stop()
		return nil, fmt.Errorf("cluster %s: %w", o.Name, err)
	}
	return c, nil
}

func (c *Cluster) start(o Options) error {
	var err error
	if c.ca, err = newAuthority(o.Name); err != nil {
		return err
	}
	c.CA = c.ca.pem
	c.admin = sync.OnceValues(func() (KeyPair, error) {
		return c.ca.client("admin", []string{"system:masters"}, 24*time.Hour)
	})
	if c.egress, err = newEgress(filepath.Join(c.dir, "egress.sock")); err != nil {
		return err
	}
	store, err := c.startEtcd(o)
	if err != nil {
		return err
	}
	return c.startAPIServer(o, store)
}

// Stop ends the servers and removes their files.
func (c *Cluster) Stop() {
	for i := len(c.processes) - 1; i >= 0; i-- {
		c.processes[i].Stop()
	}
	if c.egress != nil {
		c.egress.close()
	}
	_ = os.RemoveAll(c.dir)
}

// Logs returns the last lines of each server's log.
func (c *Cluster) Logs() string {
	text := ""
	for _, p := range c.processes {
		text += p.Tail() + "\n"
	}
	return text
}

// Route lets the API server reach an address, such as 192.0.2.1:8080, of an
// Endpoints object: what listens at the other address, on the loopback, answers.
// Kubernetes refuses loopback addresses in Endpoints, and no test server may
// listen elsewhere.
func (c *Cluster) Route(address, loopback string) { c.egress.route(address, loopback) }

// Admin is a configuration of a member of system:masters.
func (c *Cluster) Admin() (*rest.Config, error) {
	pair, err := c.admin()
	return &rest.Config{
		Host: c.URL, QPS: 500, Burst: 500, Timeout: time.Minute, WarningHandler: rest.NoWarnings{},
		TLSClientConfig: rest.TLSClientConfig{CAData: c.CA, CertData: pair.Certificate, KeyData: pair.Key},
	}, err
}

// Credential mints a client certificate for a user in groups. It is the only
// thing that makes the user: what the user may do, RBAC says, and everything
// where a group is system:masters.
func (c *Cluster) Credential(user string, groups []string, valid time.Duration) (KeyPair, error) {
	return c.ca.client(user, groups, valid)
}

// CAKey returns the certificate authority's private key, PEM.
func (c *Cluster) CAKey() ([]byte, error) { return keyPEM(c.ca.key) }

// Kubeconfig returns a kubeconfig that reaches the server at a URL, with this
// cluster's CA, by a client certificate. The context's name is that of a
// vcluster's syncer.
func (c *Cluster) Kubeconfig(server string, pair KeyPair) ([]byte, error) {
	return c.kubeconfig(server, &clientcmdapi.AuthInfo{ClientCertificateData: pair.Certificate, ClientKeyData: pair.Key})
}

// TokenKubeconfig is a Kubeconfig with a bearer token instead.
func (c *Cluster) TokenKubeconfig(server, token string) ([]byte, error) {
	return c.kubeconfig(server, &clientcmdapi.AuthInfo{Token: token})
}

func (c *Cluster) kubeconfig(server string, user *clientcmdapi.AuthInfo) ([]byte, error) {
	const name = "my-vcluster"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: c.CA}
	config.AuthInfos[name] = user
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return clientcmd.Write(*config)
}

// AdminKubeconfig is a kubeconfig file of a member of system:masters; it goes
// with the cluster.
func (c *Cluster) AdminKubeconfig() (string, error) {
	pair, err := c.admin()
	if err != nil {
		return "", err
	}
	data, err := c.Kubeconfig(c.URL, pair)
	if err != nil {
		return "", err
	}
	file := filepath.Join(c.dir, "admin.kubeconfig")
	return file, os.WriteFile(file, data, 0o600)
}

// ok asks a URL for status 200.
func ok(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}
