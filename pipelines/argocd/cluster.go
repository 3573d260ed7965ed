package argocd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
)

// secretType is the label by which Argo CD knows what a Secret is.
const secretType = "argocd.argoproj.io/secret-type"

// clusterConfig is the key config of a cluster Secret: of Argo CD's
// ClusterConfig (pkg/apis/application/v1alpha1) the fields that kasou lets in.
// There is no username, password, execProviderConfig, awsAuthConfig or
// proxyUrl. Bytes become base64, as Argo CD reads them.
type clusterConfig struct {
	BearerToken     string          `json:"bearerToken,omitempty"`
	TLSClientConfig tlsClientConfig `json:"tlsClientConfig"`
}

type tlsClientConfig struct {
	Insecure   bool   `json:"insecure"`
	ServerName string `json:"serverName,omitempty"`
	CertData   []byte `json:"certData,omitempty"`
	KeyData    []byte `json:"keyData,omitempty"`
	CAData     []byte `json:"caData,omitempty"`
}

// SecretName returns the name of c's cluster Secret.
func SecretName(c fleet.Cluster) string { return "cluster-" + c.Name }

// ClusterServer returns the server as the cluster Secret has it. Applications
// that deploy into the cluster must name exactly this string. The error says
// why Argo CD should not or cannot dial it.
func ClusterServer(c fleet.Cluster) (string, error) {
	return fleet.NormalizeServer(c.Spec.Server)
}

// ClusterSecret returns Argo CD's cluster Secret for c, made of the spec and the
// credential alone; it is plaintext, for seal to seal. The same inputs give the
// same bytes. It is nil where the findings, which stand in the spec, hold an
// error.
func ClusterSecret(f *fleet.Fleet, c fleet.Cluster, cred credential.Credential) (*corev1.Secret, finding.List) {
	server, found := checkServer(c)
	found = append(found, checkUnique(f, c, server)...)
	found = append(found, checkCredential(c, cred)...)
	if found.Failed() {
		return nil, found
	}
	config, err := configOf(cred)
	if err != nil {
		// Nothing that it is made of can fail.
		return nil, append(found, c.Finding(finding.Error, RuleClusterCredential, inName, "its credential cannot be written as JSON", "Register it again."))
	}
	secret := openSecret(f, c, server)
	secret.Data["config"] = config
	return secret, found
}

// openSecret returns the cluster Secret without its credential: what the spec
// makes of it, in the open.
func openSecret(f *fleet.Fleet, c fleet.Cluster, server string) *corev1.Secret {
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Name: SecretName(c), Namespace: f.Spec.ArgoCD.Namespace,
			Labels: map[string]string{}, Annotations: map[string]string{},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{"name": []byte(c.Name), "server": []byte(server)},
	}
	fromSpec(c.Spec.ArgoCD, secret)
	secret.Labels[secretType] = "cluster"
	secret.Labels[managedBy] = "kasou"
	// What Argo CD does with the SealedSecret is not for the spec to say.
	delete(secret.Annotations, SyncOptions)
	delete(secret.Annotations, compareOptions)
	return secret
}

// OpenClusterSecret returns c's cluster Secret without its credential: name,
// server, labels, annotations, project and namespaces, as the spec makes them. The
// error says that the server makes no sense.
func OpenClusterSecret(f *fleet.Fleet, c fleet.Cluster) (*corev1.Secret, error) {
	server, err := ClusterServer(c)
	if err != nil {
		return nil, err
	}
	return openSecret(f, c, server), nil
}

// SpecDigest returns the digest of what the spec makes of c's cluster Secret and
// what is sealed with the credential: name, server, project, namespaces. The error
// says that the server makes no sense.
func SpecDigest(f *fleet.Fleet, c fleet.Cluster) (string, error) {
	secret, err := OpenClusterSecret(f, c)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(secret.Data) // sorts the keys of maps
	if err != nil {
		return "", fmt.Errorf("cluster Secret of %s: %w", c.Name, err)
	}
	return manifest.Digest(data), nil
}

// RegistrationGuards returns the annotations of the SealedSecret itself that
// keep c's cluster Secret on the host until c retires: one that vanishes can
// take the cluster's Applications along (argo-cd#18480).
func RegistrationGuards(c fleet.Cluster) map[string]string { return guards(c) }

// fromSpec adds what the spec says; fleet has checked it.
func fromSpec(a *fleet.ArgoCD, secret *corev1.Secret) {
	if a == nil || a.Cluster == nil {
		return
	}
	maps.Copy(secret.Labels, a.Cluster.Labels)
	maps.Copy(secret.Annotations, a.Cluster.Annotations)
	if a.Cluster.Project != "" {
		secret.Data["project"] = []byte(a.Cluster.Project)
	}
	if len(a.Cluster.Namespaces) == 0 {
		return
	}
	secret.Data["namespaces"] = []byte(strings.Join(a.Cluster.Namespaces, ","))
	if a.Cluster.ClusterResources != nil {
		secret.Data["clusterResources"] = []byte(strconv.FormatBool(*a.Cluster.ClusterResources))
	}
}

func configOf(cred credential.Credential) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(clusterConfig{
		BearerToken: cred.BearerToken,
		TLSClientConfig: tlsClientConfig{
			ServerName: cred.ServerName,
			CertData:   cred.CertData, KeyData: cred.KeyData, CAData: cred.CAData,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("cluster config: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ReadClusterSecret returns the server and the credential in a cluster Secret, as
// ClusterSecret writes them. The error quotes nothing of the Secret.
func ReadClusterSecret(secret *corev1.Secret) (server string, cred credential.Credential, err error) {
	var config clusterConfig
	if json.Unmarshal(secret.Data["config"], &config) != nil {
		return "", credential.Credential{}, fmt.Errorf("the key config of the Secret %s/%s cannot be read", secret.Namespace, secret.Name)
	}
	tls := config.TLSClientConfig
	return string(secret.Data["server"]), credential.Credential{
		BearerToken: config.BearerToken, ServerName: tls.ServerName,
		CertData: tls.CertData, KeyData: tls.KeyData, CAData: tls.CAData,
	}, nil
}
