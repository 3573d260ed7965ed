package e2e

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kasou/e2e/internal/cluster"
	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/finding"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
)

// The virtual cluster is an API server of its own, with its own CA and another
// service range, known to the world by this name.
const (
	virtualName   = "dev.k8s.example.com"
	virtualServer = "https://" + virtualName
	registration  = "clusters/root/dev.cluster.yaml"
	secretName    = "cluster-dev"
)

var virtual = sync.OnceValues(func() (*cluster.Cluster, error) {
	return startCluster(cluster.Options{Name: "virtual", ServiceCIDR: "10.43.0.0/16", Hostnames: []string{virtualName, "live.k8s.example.com", "*.example.com"}}, newest)
})

func virtualCluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	c, err := virtual()
	must(t, err)
	world.mu.Lock()
	world.others = strings.TrimPrefix(c.URL, "https://")
	world.mu.Unlock()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.Logs())
		}
	})
	return c
}

// syncerKubeconfig mints a credential for the virtual cluster and gives the
// kubeconfig as an old syncer writes it: with a server that nobody else reaches.
func syncerKubeconfig(t *testing.T, c *cluster.Cluster, user string) []byte {
	t.Helper()
	pair, err := c.Credential(user, []string{"system:masters"}, 365*24*time.Hour)
	must(t, err)
	data, err := c.Kubeconfig("https://localhost:8443", pair)
	must(t, err)
	return data
}

// argoConfig is the JSON in a cluster Secret, and argoRestConfig what Argo CD
// makes of it (Cluster.RawRestConfig).
type argoConfig struct {
	Username        string `json:"username"`
	Password        string `json:"password"`
	BearerToken     string `json:"bearerToken"`
	TLSClientConfig struct {
		Insecure   bool   `json:"insecure"`
		ServerName string `json:"serverName"`
		CertData   []byte `json:"certData"`
		KeyData    []byte `json:"keyData"`
		CAData     []byte `json:"caData"`
	} `json:"tlsClientConfig"`
}

func argoRestConfig(t *testing.T, secret *corev1.Secret, c *cluster.Cluster) *rest.Config {
	t.Helper()
	var config argoConfig
	must(t, json.Unmarshal(secret.Data["config"], &config))
	tls := config.TLSClientConfig
	world.route(virtualName, c.URL)
	return &rest.Config{
		Host: string(secret.Data["server"]), Username: config.Username, Password: config.Password, BearerToken: config.BearerToken,
		TLSClientConfig: rest.TLSClientConfig{Insecure: tls.Insecure, ServerName: tls.ServerName, CertData: tls.CertData, KeyData: tls.KeyData, CAData: tls.CAData},
		Timeout:         20 * time.Second,
	}
}

// whoami asks the virtual cluster who the configuration makes one.
func whoami(t *testing.T, config *rest.Config) (string, error) {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	// A write and a read, with rights: Argo CD does both.
	_, err = client.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "kasou-e2e-"},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	answer, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.UserInfo.Username, nil
}

// registered runs register on the cluster dev, which must end well, and says
// whether it changed anything.
func registered(t *testing.T, env *environment, o pipelines.Options) (r *report.Report, changed bool) {
	t.Helper()
	o.Names = []string{"dev"}
	r, err := pipelines.Register(t.Context(), o, pipelines.Registration{})
	fleettest.MustPass(t, r, err)
	return r, r.Count(report.Changed) == 1
}

// synced applies the sealed cluster Secret as Argo CD does, and gives what the
// controller makes of it once it satisfies.
func synced(t *testing.T, env *environment, repo fleettest.Repo, enough func(*corev1.Secret) bool) *corev1.Secret {
	t.Helper()
	must(t, applierOf(t, env.host).YAML(t.Context(), repo.Read(t, registration), ""))
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if secret := secretOf(t, env, "argocd", secretName); enough(secret) {
			return secret
		}
		if time.Now().After(deadline) {
			t.Fatal("the controller did not unseal the new content")
		}
	}
}

// The whole way of a credential: from the syncer's Secret on the host, sealed
// into the repository, unsealed by the controller, to a connection as Argo CD
// makes it; and again when the credential or the controller's key was rotated.
func TestRegistration(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		sealer := env.sealing(t)
		there := virtualCluster(t)
		namespace(t, env.host, "argocd")
		repo, options := newFleet(t, env)
		repo.Cluster(t, "dev", "  ingress: {enabled: true, host: "+virtualName+"}\n")
		r, err := pipelines.Build(t.Context(), options)
		fleettest.MustPass(t, r, err)

		// Not booted yet: a note, and nothing is written.
		if r, changed := registered(t, env, options); changed || len(r.Findings) == 0 {
			t.Errorf("a cluster that has not booted: changed %t, findings %v", changed, r.Findings)
		}
		writeKubeconfig(t, env.host, "dev", "dev", syncerKubeconfig(t, there, "first"))
		if _, changed := registered(t, env, options); !changed {
			t.Fatal("the first registration wrote nothing")
		}
		connects(t, env, repo, there, "first")
		unchanged(t, env, repo, options)

		// The credential is rotated: refreshed once.
		writeKubeconfig(t, env.host, "dev", "dev", syncerKubeconfig(t, there, "second"))
		r, changed := registered(t, env, options)
		if !changed || !has(r, seal.RuleResealed) || has(r, seal.RuleTampered) {
			t.Errorf("rotated credential: changed %t, findings %v", changed, r.Findings)
		}
		connects(t, env, repo, there, "second")
		unchanged(t, env, repo, options)

		// The controller's key is rotated: what is sealed stays, and unseals.
		renewed, err := sealer.RenewKey(t.Context())
		must(t, err)
		repo.Write(t, "clusters/sealed-secrets.crt", renewed)
		r, err = pipelines.Build(t.Context(), options)
		fleettest.MustPass(t, r, err)
		unchanged(t, env, repo, options)
		must(t, clientOf(t, env.host).CoreV1().Secrets("argocd").Delete(t.Context(), secretName, metav1.DeleteOptions{}))
		connects(t, env, repo, there, "second")

		// Until someone asks for it: then the new key seals, and unseals.
		before := string(repo.Read(t, registration))
		options.Names = []string{"dev"}
		r, err = pipelines.Register(t.Context(), options, pipelines.Registration{Reseal: true})
		fleettest.MustPass(t, r, err)
		if string(repo.Read(t, registration)) == before {
			t.Error("asked to reseal, it kept the old sealing")
		}
		must(t, clientOf(t, env.host).CoreV1().Secrets("argocd").Delete(t.Context(), secretName, metav1.DeleteOptions{}))
		connects(t, env, repo, there, "second")
	})
}

// A ServiceAccount's token, as newer vclusters can give, does instead of a
// client certificate.
func TestRegistrationByToken(t *testing.T) {
	env, there := hostOf(t, newest), virtualCluster(t)
	_ = env.sealing(t)
	namespace(t, env.host, "argocd")
	repo, options := newFleet(t, env)
	// The other test has the cluster dev; Secrets and namespaces are named by it.
	repo.Cluster(t, "dev", "  namespace: by-token\n  ingress: {enabled: true, host: "+virtualName+"}\n")
	r, err := pipelines.Build(t.Context(), options)
	fleettest.MustPass(t, r, err)
	year := int64(365 * 24 * 3600)
	token, err := clientOf(t, there).CoreV1().ServiceAccounts("kube-system").CreateToken(t.Context(), argoAccount(t, there),
		&authv1.TokenRequest{Spec: authv1.TokenRequestSpec{ExpirationSeconds: &year}}, metav1.CreateOptions{})
	must(t, err)
	data, err := there.TokenKubeconfig("https://localhost:8443", token.Status.Token)
	must(t, err)
	writeKubeconfig(t, env.host, "by-token", "dev", data)
	if _, changed := registered(t, env, options); !changed {
		t.Fatal("the registration wrote nothing")
	}
	connects(t, env, repo, there, "system:serviceaccount:kube-system:argocd-manager")
	unchanged(t, env, repo, options)
}

// argoAccount makes a ServiceAccount that may do anything, and gives its name.
func argoAccount(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	const name = "argocd-manager"
	must(t, applierOf(t, c).YAML(t.Context(), []byte(`apiVersion: v1
kind: ServiceAccount
metadata: {name: argocd-manager, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: argocd-manager}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: argocd-manager, namespace: kube-system}]
`), ""))
	return name
}

func has(r *report.Report, rule finding.Rule) bool {
	for _, f := range r.Findings {
		if f.Rule == rule {
			return true
		}
	}
	return false
}

// unchanged wants a registration and a check to find nothing to do.
func unchanged(t *testing.T, env *environment, repo fleettest.Repo, o pipelines.Options) {
	t.Helper()
	before := string(repo.Read(t, registration))
	if _, changed := registered(t, env, o); changed || string(repo.Read(t, registration)) != before {
		t.Error("nothing has changed, and register wrote")
	}
	r, err := pipelines.Check(t.Context(), o)
	fleettest.MustPass(t, r, err)
}

// connects applies the registration and reaches the virtual cluster with what
// comes out of it.
func connects(t *testing.T, env *environment, repo fleettest.Repo, there *cluster.Cluster, user string) {
	t.Helper()
	var err error
	got := ""
	secret := synced(t, env, repo, func(s *corev1.Secret) bool {
		got, err = whoami(t, argoRestConfig(t, s, there))
		return err != nil || got == user
	})
	must(t, err)
	config := argoRestConfig(t, secret, there)
	if config.Host != virtualServer || config.Insecure || len(config.CAData) == 0 {
		t.Errorf("server %s, insecure %t, CA of %d bytes", config.Host, config.Insecure, len(config.CAData))
	}
	if secret.Labels["argocd.argoproj.io/secret-type"] != "cluster" {
		t.Errorf("Argo CD does not see it: labels %v", secret.Labels)
	}
	// The connection is a verified one: the host's CA does not do.
	config.CAData = env.host.CA
	var unknown x509.UnknownAuthorityError
	if _, err := whoami(t, config); !errors.As(err, &unknown) {
		t.Errorf("with another CA: %v, want an unknown authority", err)
	}
}
