package e2e

import (
	"errors"
	"os"
	"regexp"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/e2e/internal/apply"
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

		if found, err := h.ServiceCIDRs(t.Context()); err != nil || found.CIDR != "10.96.0.0/16" {
			t.Errorf("service range: %+v, %v", found, err)
		}
		if _, err := h.SealingCertificate(t.Context(), "", ""); err != nil {
			t.Errorf("certificate: %v", err)
		}
		request := host.KubeconfigRequest{Namespace: "development", Name: "development"}
		if k, err := h.Kubeconfig(t.Context(), request); err != nil || k.State != host.Ready {
			t.Errorf("kubeconfig: %v, %v", k, err)
		}
		request.Name = "other"
		var forbidden *host.ForbiddenError
		if _, err := h.Kubeconfig(t.Context(), request); !errors.As(err, &forbidden) {
			t.Errorf("another cluster's kubeconfig: %v, want a refusal", err)
		}
	})
}

// bindDocumented applies every role of the documentation and gives it to the
// user.
func bindDocumented(t *testing.T, env *environment, user string) {
	t.Helper()
	text, err := os.ReadFile("../docs/rbac.md")
	must(t, err)
	blocks := yamlBlock.FindAllSubmatch(text, -1)
	if len(blocks) < 4 {
		t.Fatalf("docs/rbac.md has only %d roles", len(blocks))
	}
	a, rbac := applierOf(t, env.host), clientOf(t, env.host).RbacV1()
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
	for _, block := range blocks {
		must(t, a.YAML(t.Context(), block[1], ""))
		objects, err := apply.Parse(block[1])
		must(t, err)
		for _, o := range objects {
			meta := metav1.ObjectMeta{GenerateName: "kasou-e2e-"}
			ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: o.GetKind(), Name: o.GetName()}
			if o.GetKind() == "ClusterRole" {
				_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, metav1.CreateOptions{})
			} else {
				_, err = rbac.RoleBindings(o.GetNamespace()).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, metav1.CreateOptions{})
			}
			must(t, err)
		}
	}
}
