package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"kasou/e2e/internal/apply"
	"kasou/pipelines/drift"
	"kasou/pipelines/host"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The roles in docs/rbac.md, and no other right, are enough for all that kasou
// asks of a host.
func TestTheDocumentedRolesAreEnough(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		_ = env.sealing(t)
		const user = "kasou-by-the-docs"
		writeKubeconfig(t, env.host, "development", "development", []byte("kind: Config\n"))
		writeKubeconfig(t, env.host, "development", "other", []byte("kind: Config\n"))
		bindDocumented(t, env, user)
		h := nobody(t, env.host, user)

		if found, err := host.ServiceCIDRs(t.Context(), h); err != nil || found.CIDR != "10.96.0.0/16" {
			t.Errorf("service range: %+v, %v", found, err)
		}
		if _, err := host.SealingCertificate(t.Context(), h, ""); err != nil {
			t.Errorf("certificate: %v", err)
		}
		nodes := clientOf(t, env.host).CoreV1().Nodes()
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "by-the-docs"}, Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeHostName, Address: "by-the-docs"}, {Type: corev1.NodeInternalIP, Address: "10.1.2.3"}, {Type: corev1.NodeExternalIP, Address: "2001:db8::1"}}}}
		_, err := nodes.Create(t.Context(), node, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() { _ = nodes.Delete(context.Background(), node.Name, metav1.DeleteOptions{}) })
		if found, err := host.NodeAddresses(t.Context(), h); err != nil || fmt.Sprint(found) != "[10.1.2.3 2001:db8::1]" {
			t.Errorf("addresses of nodes: %v, %v", found, err)
		}
		request := host.KubeconfigRequest{Namespace: "development", Name: "development"}
		if k, err := host.ReadKubeconfig(t.Context(), h, request); err != nil || k.State != host.Ready {
			t.Errorf("kubeconfig: %v, %v", k, err)
		}
		request.Name = "other"
		var forbidden *host.ForbiddenError
		if _, err := host.ReadKubeconfig(t.Context(), h, request); !errors.As(err, &forbidden) {
			t.Errorf("another cluster's kubeconfig: %v, want a refusal", err)
		}
	})
}

// bindDocumented applies every role and policy of the documentation, with texts
// replaced, and gives the roles to the user.
func bindDocumented(t *testing.T, env *environment, user string, replaced ...[2]string) {
	t.Helper()
	text, err := os.ReadFile("../docs/rbac.md")
	must(t, err)
	text = bytes.ReplaceAll(text, []byte("system:serviceaccount:kasou:kasou"), []byte(user))
	for _, pair := range replaced {
		text = bytes.ReplaceAll(text, []byte(pair[0]), []byte(pair[1]))
	}
	blocks := yamlBlock.FindAllSubmatch(text, -1)
	if len(blocks) < 4 {
		t.Fatalf("docs/rbac.md has only %d roles", len(blocks))
	}
	namespace(t, env.host, "argocd") // one of the roles is for it
	a, rbac := applierOf(t, env.host), clientOf(t, env.host).RbacV1()
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
	for _, block := range blocks {
		must(t, a.YAML(t.Context(), block[1], ""))
		objects, err := apply.Parse(block[1])
		must(t, err)
		for _, o := range objects {
			meta := metav1.ObjectMeta{GenerateName: "kasou-e2e-"}
			ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: o.GetKind(), Name: o.GetName()}
			switch o.GetKind() {
			case "ClusterRole":
				_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, metav1.CreateOptions{})
			case "Role":
				_, err = rbac.RoleBindings(o.GetNamespace()).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, metav1.CreateOptions{})
			}
			must(t, err)
		}
	}
}

// With the documented rights, and the policy that makes them good for dry runs
// alone, live drift finds all that an administrator finds, and stores nothing.
func TestTheDocumentedRolesAreEnoughForLiveDrift(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		w := watchedFleet(t, env, "")
		user := "kasou-drifts-" + env.version.minor
		bindDocumented(t, env, user, [2]string{"development", "live"}, [2]string{"name: kasou-", "name: " + user + "-"}, [2]string{"policyName: kasou-", "policyName: " + user + "-"})
		pair, err := env.host.Credential(user, nil, time.Hour)
		must(t, err)
		file := kubeconfigFile(t, env.host, pair)
		w.options.OpenHost = func(string) (*host.Host, error) { return open(t, file), nil }
		w.clean(t)
		patch(t, w, "apps/v1", "StatefulSet", "live", "live", `{"spec":{"replicas":0}}`)
		want(t, w.drift(t), drift.RuleLiveChanged)
		w.sync(t, "live", track)

		config, err := env.host.Admin()
		must(t, err)
		config.CertData, config.KeyData = pair.Certificate, pair.Key
		client, err := kubernetes.NewForConfig(config)
		must(t, err)
		scale := []byte(`{"spec":{"replicas":0}}`)
		sets := client.AppsV1().StatefulSets("live")
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) { // a policy takes a moment to hold
			_, err = sets.Patch(t.Context(), "live", types.MergePatchType, scale, metav1.PatchOptions{})
			if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || time.Now().After(deadline) {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), "kasou stores nothing on the host") {
			t.Errorf("a write that is not a dry run: %v", err)
		}
		_, err = sets.Patch(t.Context(), "live", types.MergePatchType, scale, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		must(t, err)
	})
}
