package loop

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kasou/e2e/internal/argocd"
	"kasou/e2e/internal/cluster"
	"kasou/e2e/internal/controller"
)

// The fleet gets a second host, of another Kubernetes, that the same Argo CD deploys to.
func (w *world) secondHost(t *testing.T) {
	far := w.startFar(t)
	w.kubeconfig = w.contexts(t, map[string]*cluster.Cluster{"host": w.host, "far": far})
	w.replace(t, "clusters/fleet.yaml", "  argocd: {projects", "  argocd: {context: host, projects")
	w.replace(t, "clusters/fleet.yaml", "  sealing:", fmt.Sprintf(
		"  hosts: {far: {kubernetesVersion: %s, serviceCIDR: auto, destination: {name: far}, sealing: {certificate: far.crt}}}\n  sealing:", strings.TrimPrefix(tools.OldKubernetes, "v")))
	w.kasou(t, "lock", "--certificate", "--into", "far.crt")
	w.spec(t, "away", "  host: far\n  chart: {path: charts/vcluster-0.36.1.tgz}\n  server: https://away.k8s.example.com\n")
	w.kasou(t, "build")
	commit := w.push(t, "A cluster on a second host")
	w.synced(t, commit, "kasou", "kasou-bootstrap", "away", "dev")
	config, err := far.Admin()
	check(t, err)
	there, err := kubernetes.NewForConfig(config)
	check(t, err)
	if _, err := there.AppsV1().StatefulSets("away").Get(t.Context(), "away", metav1.GetOptions{}); err != nil {
		t.Errorf("Argo CD did not deploy it there: %v", err)
	}
	if secret, err := there.CoreV1().Secrets("away").Get(t.Context(), "vc-config-away", metav1.GetOptions{}); err != nil || len(secret.Data) == 0 {
		t.Errorf("it was not unsealed there: %v", err)
	}
	if _, err := w.client.CoreV1().Namespaces().Get(t.Context(), "away", metav1.GetOptions{}); isGone(err) != nil {
		t.Error("something of it is on the other host")
	}
	w.staysSynced(t)
	w.agrees(t, 1, "away", "old", "own")
}

// startFar runs the second host with a Sealed Secrets controller, and lets Argo CD know
// it as far.
func (w *world) startFar(t *testing.T) *cluster.Cluster {
	t.Helper()
	far, err := cluster.Start(cluster.Options{Name: "far", ServiceCIDR: "10.97.0.0/16", Etcd: tools.Etcd, APIServer: tools.OldAPIServer})
	check(t, err)
	running = append(running, far.Stop)
	sealed, err := controller.Start(t.Context(), far, tools.SealedSecrets, filepath.Join(tools.SealedSecretsFolder, "helm", "sealed-secrets", "crds", "bitnami.com_sealedsecrets.yaml"))
	check(t, err)
	running = append(running, sealed.Stop)
	pair, err := far.Credential("argocd", []string{"system:masters"}, 24*time.Hour)
	check(t, err)
	config, err := json.Marshal(map[string]any{"tlsClientConfig": map[string]any{"caData": far.CA, "certData": pair.Certificate, "keyData": pair.Key}})
	check(t, err)
	_, err = w.client.CoreV1().Secrets(argocd.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "host-far", Labels: map[string]string{"argocd.argoproj.io/secret-type": "cluster"}},
		StringData: map[string]string{"name": "far", "server": far.URL, "config": string(config)},
	}, metav1.CreateOptions{})
	check(t, err)
	return far
}

// contexts writes a kubeconfig with a context for each cluster, and returns its path.
func (w *world) contexts(t *testing.T, clusters map[string]*cluster.Cluster) string {
	t.Helper()
	all := clientcmdapi.NewConfig()
	for name, c := range clusters {
		file, err := c.AdminKubeconfig()
		check(t, err)
		one, err := clientcmd.LoadFromFile(file)
		check(t, err)
		current := one.Contexts[one.CurrentContext]
		all.Clusters[name], all.AuthInfos[name] = one.Clusters[current.Cluster], one.AuthInfos[current.AuthInfo]
		all.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	}
	data, err := clientcmd.Write(*all)
	check(t, err)
	return w.file(t, "kubeconfig", data)
}
