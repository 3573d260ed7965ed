package loop

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kasou/e2e/internal/argocd"
	"kasou/e2e/internal/cluster"
	"kasou/e2e/internal/pod"
	"kasou/e2e/internal/process"
)

// syncerVariable names the program of vcluster 0.4.3, which no module proxy has: built
// from its repository at the tag, by go build ./cmd/vcluster.
const syncerVariable = "KASOU_E2E_SYNCER_043"

// The syncer of vcluster 0.4.3, as its StatefulSet has it, beside an API server in
// the place of k3s: it writes the kubeconfig that kasou register seals, and what the
// Sealed Secrets controller makes of it reaches the virtual cluster through the
// syncer.
func TestTheSyncerOf043(t *testing.T) {
	if missing != nil {
		t.Skip("SKIPPED:", missing)
	}
	program := os.Getenv(syncerVariable)
	if program == "" {
		t.Skipf("SKIPPED: the syncer of vcluster 0.4.3: set %s to the program, built from its repository at v0.4.3", syncerVariable)
	}
	w := &world{copy: t.TempDir(), home: t.TempDir()}
	w.startHost(t)
	there, err := cluster.Start(cluster.Options{Name: "virtual", ServiceCIDR: "10.96.0.0/16", Etcd: tools.Etcd, APIServer: tools.APIServer})
	check(t, err)
	running = append(running, there.Stop)
	w.git(t, w.copy, "init", "--quiet", "--initial-branch=main")
	w.write(t, "clusters/fleet.yaml", fmt.Sprintf(`apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: %q}
  host: {kubernetesVersion: %s, serviceCIDR: 10.96.0.0/16}
  sealing: {certificate: sealed-secrets.crt}
`, gitURL, tools.Kubernetes[1:]))
	w.kasou(t, "lock", "--certificate")
	data, err := os.ReadFile(filepath.Join(tools.Charts, "vcluster-0.4.3.tgz"))
	check(t, err)
	w.write(t, "charts/vcluster-0.4.3.tgz", string(data))
	w.spec(t, "old", "  chart: {path: charts/vcluster-0.4.3.tgz}\n  server: "+server+"\n")
	w.kasou(t, "build")
	w.apply(t, "clusters/old/manifests", "old")
	w.runSyncer(t, program, there)
	eventually(t, "kasou register takes the syncer's kubeconfig", func(context.Context) error {
		out, err := w.try(t, "register", "old")
		if err == nil {
			_, err = os.Stat(filepath.Join(w.copy, "clusters", "root", "old.cluster.yaml"))
		}
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
	w.kasou(t, "check")
	_, err = w.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: argocd.Namespace}}, metav1.CreateOptions{})
	check(t, err)
	registration, err := os.ReadFile(filepath.Join(w.copy, "clusters", "root", "old.cluster.yaml"))
	check(t, err)
	check(t, w.applier.YAML(t.Context(), registration, argocd.Namespace))
	eventually(t, "the unsealed credential reaches the virtual cluster", func(ctx context.Context) error { return w.reaches(ctx, there) })
}

// runSyncer runs the container syncer of the StatefulSet.
func (w *world) runSyncer(t *testing.T, program string, there *cluster.Cluster) {
	t.Helper()
	set, err := w.client.AppsV1().StatefulSets("old").Get(t.Context(), "old", metav1.GetOptions{})
	check(t, err)
	p, err := pod.New("syncer")
	check(t, err)
	t.Cleanup(p.Remove)
	pair, err := there.Credential("system:admin", []string{"system:masters"}, 365*24*60*60*1e9)
	check(t, err)
	kubeconfig, err := there.Kubeconfig(there.URL, pair)
	check(t, err)
	key, err := there.CAKey()
	check(t, err)
	service, err := rsa.GenerateKey(rand.Reader, 2048) // signs the tokens of pods, of which there are none
	check(t, err)
	check(t, errors.Join(
		p.File("/data/server/tls/service.key", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(service)}), 0o600),
		p.Account(t.Context(), w.host, "old", set.Spec.Template.Spec.ServiceAccountName), p.Mount("/vcluster", program),
		p.File("/data/server/cred/admin.kubeconfig", kubeconfig, 0o600),
		p.File("/data/server/tls/server-ca.crt", there.CA, 0o600), p.File("/data/server/tls/server-ca.key", key, 0o600),
		p.File("/data/server/tls/client-ca.crt", there.CA, 0o600), p.File("/data/server/tls/request-header-ca.crt", there.CA, 0o600),
	))
	for _, c := range set.Spec.Template.Spec.Containers {
		if c.Name != "syncer" {
			continue
		}
		args := append([]string{"/vcluster"}, c.Args...)
		syncer, err := process.Start("syncer", p.Log("syncer"), p.Command(args...))
		check(t, err)
		running = append(running, syncer.Stop)
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(syncer.Tail())
			}
		})
		return
	}
	t.Fatal("the StatefulSet has no container syncer")
}

// apply applies all files of a folder.
func (w *world) apply(t *testing.T, folder, namespace string) {
	t.Helper()
	var all []byte
	check(t, filepath.WalkDir(filepath.Join(w.copy, filepath.FromSlash(folder)), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(append(all, "---\n"...), data...)
		return err
	}))
	check(t, w.applier.YAML(t.Context(), all, namespace))
}

// reaches writes into the virtual cluster as Argo CD would, by the unsealed cluster
// Secret, and looks behind the syncer.
func (w *world) reaches(ctx context.Context, there *cluster.Cluster) error {
	secret, err := w.client.CoreV1().Secrets(argocd.Namespace).Get(ctx, "cluster-old", metav1.GetOptions{})
	if err != nil {
		return err
	}
	var config struct {
		TLS struct {
			CertData []byte `json:"certData"`
			KeyData  []byte `json:"keyData"`
			CAData   []byte `json:"caData"`
		} `json:"tlsClientConfig"`
	}
	if err := json.Unmarshal(secret.Data["config"], &config); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(&rest.Config{Host: string(secret.Data["server"]),
		TLSClientConfig: rest.TLSClientConfig{CertData: config.TLS.CertData, KeyData: config.TLS.KeyData, CAData: config.TLS.CAData}})
	if err != nil {
		return err
	}
	made, err := client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "kasou-"}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	admin, err := there.Admin()
	if err != nil {
		return err
	}
	direct, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return err
	}
	_, err = direct.CoreV1().ConfigMaps("default").Get(ctx, made.Name, metav1.GetOptions{})
	return err
}
