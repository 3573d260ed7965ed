package argocd

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
)

// fixedPair returns the same certificate and key every time: Ed25519 signs
// without chance.
func fixedPair(t *testing.T, seed byte) (certPEM, keyPEM []byte) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(seed)), Subject: pkix.Name{CommonName: "system:admin"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func certificateCredential(t *testing.T) credential.Credential {
	ca, _ := fixedPair(t, 1)
	cert, key := fixedPair(t, 2)
	return credential.Credential{CAData: ca, CertData: cert, KeyData: key}
}

func registered(name string, change func(*fleet.ClusterSpec)) fleet.Cluster {
	return cluster(name, func(s *fleet.ClusterSpec) {
		s.Server = "https://" + name + ".k8s.example.com"
		if change != nil {
			change(s)
		}
	})
}

func TestClusterSecret(t *testing.T) {
	yes := true
	token := credential.Credential{CAData: certificateCredential(t).CAData, BearerToken: "eyJh.bGci.<fixed&token>", ServerName: "kubernetes.default"}
	for name, test := range map[string]struct {
		cluster fleet.Cluster
		cred    credential.Credential
	}{
		"cluster-certificate": {registered("development", nil), certificateCredential(t)},
		"cluster-token":       {registered("development", nil), token},
		"cluster-bound": {registered("development", func(s *fleet.ClusterSpec) {
			s.ArgoCD.Cluster = &fleet.ArgoCDCluster{
				Labels:      map[string]string{"environment": "development", "example.com/tier": "gold"},
				Annotations: map[string]string{"example.com/contact": "Team A"},
				Project:     "team-a", Namespaces: []string{"web", "api"}, ClusterResources: &yes,
			}
		}), certificateCredential(t)},
	} {
		t.Run(name, func(t *testing.T) {
			f := exampleFleet(test.cluster)
			secret, found := ClusterSecret(f, test.cluster, test.cred)
			if len(found) > 0 {
				t.Fatal(found)
			}
			data, err := yaml.Marshal(secret)
			if err != nil {
				t.Fatal(err)
			}
			again, _ := ClusterSecret(f, test.cluster, test.cred)
			if second, _ := yaml.Marshal(again); !bytes.Equal(data, second) {
				t.Error("a second run gives other bytes")
			}
			data = fmt.Appendf(data, "# config: %s\n", secret.Data["config"])
			golden(t, filepath.Join("testdata", name+".golden"), manifest.Files{"clusters/root/" + test.cluster.Name + ".cluster.yaml": data})
		})
	}
}

// argoConfig is Argo CD's ClusterConfig, written down from its API reference,
// with the fields that kasou never sets.
type argoConfig struct {
	Username           string          `json:"username"`
	Password           string          `json:"password"`
	BearerToken        string          `json:"bearerToken"`
	AWSAuthConfig      json.RawMessage `json:"awsAuthConfig"`
	ExecProviderConfig json.RawMessage `json:"execProviderConfig"`
	DisableCompression bool            `json:"disableCompression"`
	ProxyURL           string          `json:"proxyUrl"`
	TLSClientConfig    struct {
		Insecure   bool   `json:"insecure"`
		ServerName string `json:"serverName"`
		CertData   []byte `json:"certData"`
		KeyData    []byte `json:"keyData"`
		CAData     []byte `json:"caData"`
	} `json:"tlsClientConfig"`
}

func TestArgoCDReadsTheConfig(t *testing.T) {
	c, cred := registered("development", nil), certificateCredential(t)
	secret, found := ClusterSecret(exampleFleet(c), c, cred)
	if len(found) > 0 {
		t.Fatal(found)
	}
	var config argoConfig
	decoder := json.NewDecoder(bytes.NewReader(secret.Data["config"]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		t.Fatal(err)
	}
	tls := config.TLSClientConfig
	if tls.Insecure || !bytes.Equal(tls.CAData, cred.CAData) || !bytes.Equal(tls.CertData, cred.CertData) || !bytes.Equal(tls.KeyData, cred.KeyData) {
		t.Error("the config does not give back the credential")
	}
	if config.ExecProviderConfig != nil || config.AWSAuthConfig != nil || config.ProxyURL != "" || config.Username != "" {
		t.Error("the config has what kasou never sets")
	}
}

func TestClusterSecretFindings(t *testing.T) {
	good := certificateCredential(t)
	_, otherKey := fixedPair(t, 3)
	change := func(f func(*credential.Credential)) credential.Credential {
		c := good
		f(&c)
		return c
	}
	server := func(text string) fleet.Cluster {
		return registered("development", func(s *fleet.ClusterSpec) { s.Server = text })
	}
	for _, test := range []struct {
		name    string
		cluster fleet.Cluster
		others  []fleet.Cluster
		cred    credential.Credential
		rule    finding.Rule
		message string
	}{
		{"no server", server(""), nil, good, RuleClusterServer, "no server"},
		{"no scheme", server("dev.example.com"), nil, good, RuleClusterServer, "plain HTTP"},
		{"http", server("http://dev.example.com"), nil, good, RuleClusterServer, "http://"},
		{"localhost", server("https://localhost:8443"), nil, good, RuleClusterServer, "the machine itself"},
		{"loopback", server("https://127.0.0.1:8443"), nil, good, RuleClusterServer, "the machine itself"},
		{"a password", server("https://bob:hunter2@dev.example.com"), nil, good, RuleClusterServer, "credentials"},
		{"another spelling", server("https://Dev.example.com:443/"), nil, good, RuleServerSpelling, "as https://dev.example.com"},
		{"the host's server", server("https://kubernetes.default.svc"), nil, good, RuleClusterDuplicate, "host cluster"},
		{"another's server", server("https://x.example.com"), []fleet.Cluster{registered("x", func(s *fleet.ClusterSpec) { s.Server = "https://X.example.com:443" })}, good, RuleClusterDuplicate, "clusters/x/spec.yaml"},
		{"another's name", registered("development", nil), []fleet.Cluster{{Name: "development", File: "clusters/copy/spec.yaml"}}, good, RuleClusterDuplicate, "clusters/copy/spec.yaml"},
		{"Argo CD's name", registered("in-cluster", nil), nil, good, RuleClusterDuplicate, "in-cluster"},
		{"no CA", registered("development", nil), nil, change(func(c *credential.Credential) { c.CAData = nil }), RuleClusterCredential, "no CA"},
		{"no identity", registered("development", nil), nil, change(func(c *credential.Credential) { c.CertData, c.KeyData = nil, nil }), RuleClusterCredential, "neither"},
		{"two identities", registered("development", nil), nil, change(func(c *credential.Credential) { c.BearerToken = "abcdefghijklmnopqrstuvwxyz" }), RuleClusterCredential, "at once"},
		{"another's key", registered("development", nil), nil, change(func(c *credential.Credential) { c.KeyData = otherKey }), RuleClusterCredential, "does not belong"},
		{"no key", registered("development", nil), nil, change(func(c *credential.Credential) { c.KeyData = nil }), RuleClusterCredential, "does not belong"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := exampleFleet(append(test.others, test.cluster)...)
			secret, found := ClusterSecret(f, test.cluster, test.cred)
			if len(found) != 1 || found[0].Rule != test.rule || !strings.Contains(found[0].Message, test.message) || found[0].Hint == "" {
				t.Fatalf("findings %v; want one %s with %q", found, test.rule, test.message)
			}
			if found.Failed() != (secret == nil) {
				t.Errorf("%v, and Secret %v", found, secret != nil)
			}
			if text := found[0].String() + found[0].Hint; strings.Contains(text, "hunter2") || strings.Contains(text, "BEGIN") {
				t.Errorf("shows a secret: %s", text)
			}
		})
	}
}

// What a spec says must not change what Argo CD takes the Secret for.
func TestSpecCannotChangeTheKind(t *testing.T) {
	c := registered("development", func(s *fleet.ClusterSpec) {
		s.ArgoCD.Cluster = &fleet.ArgoCDCluster{
			Labels:      map[string]string{secretType: "repository", managedBy: "me"},
			Annotations: map[string]string{SyncOptions: "Prune=true"},
		}
	})
	secret, found := ClusterSecret(exampleFleet(c), c, certificateCredential(t))
	if len(found) > 0 {
		t.Fatal(found)
	}
	if secret.Labels[secretType] != "cluster" || secret.Labels[managedBy] != "kasou" || secret.Annotations[SyncOptions] != "" {
		t.Errorf("labels %v, annotations %v", secret.Labels, secret.Annotations)
	}
}
