package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/e2e/internal/cluster"
	"kasou/pipelines/host"
)

// asked opens a cluster as kasou does, with the rights of an administrator.
func asked(t *testing.T, c *cluster.Cluster) *host.Host {
	t.Helper()
	file, err := c.AdminKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, file)
}

func open(t *testing.T, kubeconfig string) *host.Host {
	t.Helper()
	h, err := host.Open(host.Options{Kubeconfig: kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestServiceRange(t *testing.T) {
	for _, v := range versions {
		for name, cidr := range map[string]string{
			"one": "10.96.0.0/16", "dual": "10.96.0.0/16,fd00:10:96::/112", "dual6": "fd00:10:96::/112,10.96.0.0/16",
		} {
			t.Run(v.minor+"/"+name, func(t *testing.T) {
				t.Parallel()
				var c *cluster.Cluster
				if name == "one" {
					c = hostOf(t, v).host
				} else {
					c = ownCluster(t, cluster.Options{Name: name, ServiceCIDR: cidr}, v)
				}
				found, err := host.ServiceCIDRs(t.Context(), asked(t, c))
				if err != nil || found.CIDR != cidr || len(found.Others) > 0 {
					t.Errorf("%+v, %v; want %s", found, err, cidr)
				}
				services, err := clientOf(t, c).CoreV1().Services("default").List(t.Context(), metav1.ListOptions{})
				if err != nil || len(services.Items) > 1 {
					t.Errorf("%d Services are in default, want kubernetes alone (%v)", len(services.Items), err)
				}
			})
		}
	}
}

// The certificate comes through the API server's proxy, from the controller.
func TestSealingCertificate(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		want, err := env.sealing(t).Certificate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", host.DefaultControllerNamespace + "/" + host.DefaultController} {
			got, err := host.SealingCertificate(t.Context(), asked(t, env.host), name)
			if err != nil || string(got) != string(want) {
				t.Errorf("by the name %q: %v, and %d bytes of %d", name, err, len(got), len(want))
			}
		}
		var missing *host.NoControllerError
		if _, err := host.SealingCertificate(t.Context(), asked(t, env.host), "default/sealed-secrets"); !errors.As(err, &missing) {
			t.Errorf("in a namespace without a controller: %v", err)
		}
	})
}

// nobody returns a host as a user without rights sees it.
func nobody(t *testing.T, c *cluster.Cluster, user string) *host.Host {
	t.Helper()
	pair, err := c.Credential(user, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, kubeconfigFile(t, c, pair))
}

// Each rule that a refusal names is enough.
func TestARefusalNamesTheMissingRule(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		_ = env.sealing(t)
		writeKubeconfig(t, env.host, "rights", "dev", []byte("kind: Config\n"))
		user := "nobody-" + env.version.minor
		for name, ask := range map[string]func(context.Context, *host.Host) error{
			"range": func(ctx context.Context, h *host.Host) error { _, err := host.ServiceCIDRs(ctx, h); return err },
			"kubeconfig": func(ctx context.Context, h *host.Host) error {
				return kubeconfigError(host.ReadKubeconfig(ctx, h, devInRights))
			},
			"certificate": func(ctx context.Context, h *host.Host) error {
				_, err := host.SealingCertificate(ctx, h, "")
				return err
			},
		} {
			t.Run(name, func(t *testing.T) {
				h := nobody(t, env.host, user+name)
				for range 4 { // one rule at a time
					err := ask(t.Context(), h)
					if err == nil {
						return
					}
					forbidden, ok := errors.AsType[*host.ForbiddenError](err)
					if !ok {
						t.Fatalf("error %v, want a refusal or none", err)
					}
					grant(t, env.host, user+name, forbidden.Needs)
				}
				t.Error("it is still refused with all the rules that it named")
			})
		}
	})
}

var devInRights = host.KubeconfigRequest{Namespace: "rights", Name: "dev"}

func kubeconfigError(k host.Kubeconfig, err error) error {
	if err == nil && k.State != host.Ready {
		return errors.New("it is " + k.State.String())
	}
	return err
}

// grant allows a user one permission.
func grant(t *testing.T, c *cluster.Cluster, user string, p host.Permission) {
	t.Helper()
	rbac := clientOf(t, c).RbacV1()
	name := metav1.ObjectMeta{GenerateName: "kasou-e2e-"}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
	rules := rulesOf(t, p)
	if p.Namespace == "" {
		role, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: name, Rules: rules}, metav1.CreateOptions{})
		if err == nil {
			_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: name, Subjects: subjects,
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name}}, metav1.CreateOptions{})
		}
		must(t, err)
		return
	}
	role, err := rbac.Roles(p.Namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: name, Rules: rules}, metav1.CreateOptions{})
	if err == nil {
		_, err = rbac.RoleBindings(p.Namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: name, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name}}, metav1.CreateOptions{})
	}
	must(t, err)
}
