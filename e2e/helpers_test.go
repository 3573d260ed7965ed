package e2e

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"kasou/e2e/internal/apply"
	"kasou/e2e/internal/cluster"
	"kasou/pipelines/host"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func clientOf(t *testing.T, c *cluster.Cluster) *kubernetes.Clientset {
	t.Helper()
	config, err := c.Admin()
	must(t, err)
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	return client
}

func applierOf(t *testing.T, c *cluster.Cluster) *apply.Applier {
	t.Helper()
	config, err := c.Admin()
	must(t, err)
	a, err := apply.New(config)
	must(t, err)
	return a
}

// ownCluster runs a cluster for one test.
func ownCluster(t *testing.T, o cluster.Options, v version) *cluster.Cluster {
	t.Helper()
	c, err := startCluster(o, v)
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.Logs())
		}
		c.Stop()
	})
	return c
}

// kubeconfigFile writes a kubeconfig that reaches the cluster where it listens.
func kubeconfigFile(t *testing.T, c *cluster.Cluster, pair cluster.KeyPair) string {
	t.Helper()
	data, err := c.Kubeconfig(c.URL, pair)
	must(t, err)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, data, 0o600))
	return file
}

// namespace creates one, where it is not there.
func namespace(t *testing.T, c *cluster.Cluster, name string) {
	t.Helper()
	_, err := clientOf(t, c).CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		must(t, err)
	}
}

// writeKubeconfig puts a virtual cluster's kubeconfig where its syncer puts it:
// the Secret vc-NAME, key config, which vcluster 0.4 has alone.
func writeKubeconfig(t *testing.T, c *cluster.Cluster, inNamespace, name string, data []byte) {
	t.Helper()
	namespace(t, c, inNamespace)
	secrets := clientOf(t, c).CoreV1().Secrets(inNamespace)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "vc-" + name}, Data: map[string][]byte{"config": data}}
	_, err := secrets.Create(t.Context(), secret, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = secrets.Update(t.Context(), secret, metav1.UpdateOptions{})
	}
	must(t, err)
}

// rulesOf returns the RBAC rule that a permission prints for people.
func rulesOf(t *testing.T, p host.Permission) []rbacv1.PolicyRule {
	t.Helper()
	var rules []rbacv1.PolicyRule
	must(t, yaml.UnmarshalStrict([]byte(p.Rule()), &rules))
	return rules
}
