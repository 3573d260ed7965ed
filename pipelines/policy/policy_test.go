package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/policy"
)

const rbac = "rbac.authorization.k8s.io"

// objects reads documents as a chart renders them.
func objects(t *testing.T, text string) []policy.Object {
	t.Helper()
	all, err := policy.Objects(manifest.Parse(manifest.Rendered, "clusters/dev/manifests/c/templates/a.yaml", []byte(text)).Documents)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCheck(t *testing.T) {
	role := "apiVersion: " + rbac + "/v1\nkind: ClusterRole\nmetadata: {name: own}\n---\n"
	binding := role + "apiVersion: " + rbac + "/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {kind: ClusterRole, name: own}\n"
	for _, test := range []struct {
		name, text string
		allow      []fleet.Allowed
		extra      bool
		want       []finding.Rule
	}{
		{name: "own namespace", text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: dev}\n"},
		{name: "no namespace", text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"},
		{name: "another namespace", text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: kube-system}\n", want: []finding.Rule{policy.RuleNamespace}},
		{name: "in a List", text: "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: other}}]\n", want: []finding.Rule{policy.RuleNamespace}},
		{name: "in a typed list", text: "apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: a, namespace: other}}]\n", want: []finding.Rule{policy.RuleNamespace}},
		{
			name: "another namespace, allowed", text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: monitoring}\n",
			allow: []fleet.Allowed{{Kind: "ConfigMap", Namespace: "monitoring"}},
		},
		{
			name: "another one than is allowed", text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: monitoring}\n",
			allow: []fleet.Allowed{{Kind: "ConfigMap", Namespace: "monitoring", Name: "b"}},
			want:  []finding.Rule{policy.RuleNamespace, policy.RuleUnusedAllow},
		},
		{name: "a chart's role", text: role},
		{name: "an extra's role", text: role, extra: true, want: []finding.Rule{policy.RuleClusterScoped}},
		{name: "an extra's role, allowed", text: role, extra: true, allow: []fleet.Allowed{{Group: rbac, Kind: "ClusterRole"}}},
		{name: "a chart's class", text: "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: a}\n", want: []finding.Rule{policy.RuleClusterScoped}},
		{name: "a namespace", text: "apiVersion: v1\nkind: Namespace\nmetadata: {name: dev}\n", want: []finding.Rule{policy.RuleClusterScoped}},
		{
			name: "cluster-scoped and pretending", text: "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: a, namespace: dev}\n",
			want: []finding.Rule{policy.RuleClusterScoped},
		},
		{name: "a custom resource", text: "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n"},
		{name: "a cluster's custom resource", text: "apiVersion: example.com/v1\nkind: World\nmetadata: {name: a}\n", want: []finding.Rule{policy.RuleClusterScoped}},
		{name: "an unknown resource", text: "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: a}\n", want: []finding.Rule{policy.RuleUnknownScope}},
		{
			name: "an unknown resource, allowed", text: "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: a}\n",
			allow: []fleet.Allowed{{Group: "example.org", Kind: "Widget"}},
		},
		{name: "its own role and account", text: binding + "subjects: [{kind: ServiceAccount, name: a, namespace: dev}]\n"},
		{name: "another's account", text: binding + "subjects: [{kind: ServiceAccount, name: a, namespace: other}]\n", want: []finding.Rule{policy.RuleBinding}},
		{name: "everybody", text: binding + "subjects: [{kind: Group, name: \"system:authenticated\"}]\n", want: []finding.Rule{policy.RuleBinding}},
		{
			name: "cluster-admin", text: "apiVersion: " + rbac + "/v1\nkind: RoleBinding\nmetadata: {name: b}\nroleRef: {kind: ClusterRole, name: cluster-admin}\nsubjects: [{kind: ServiceAccount, name: a, namespace: dev}]\n",
			want: []finding.Rule{policy.RuleBinding},
		},
		{
			name: "a cluster Secret", text: "apiVersion: v1\nkind: Secret\nmetadata: {name: a, labels: {argocd.argoproj.io/secret-type: cluster}}\n",
			allow: []fleet.Allowed{{Kind: "Secret"}}, want: []finding.Rule{policy.RuleUnusedAllow, policy.RuleArgoCD},
		},
		{
			name: "a sealed one", text: "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: argocd}\nspec: {template: {metadata: {labels: {argocd.argoproj.io/secret-type: repository}}}}\n",
			want: []finding.Rule{policy.RuleArgoCD},
		},
		{name: "an Application", text: "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\n", want: []finding.Rule{policy.RuleArgoCD}},
		{
			name: "an Application, allowed", text: "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\n",
			allow: []fleet.Allowed{{Group: "argoproj.io", Kind: "Application"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := objects(t, test.text)
			for i := range all {
				all[i].Extra = test.extra
			}
			result := policy.Check(policy.Request{
				Cluster:       fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml", Spec: fleet.ClusterSpec{Namespace: "dev", Allow: test.allow}},
				ClusterScoped: []policy.Kind{{Group: rbac, Kind: "ClusterRole"}, {Group: rbac, Kind: "ClusterRoleBinding"}},
				Scopes:        policy.Scopes{{Group: "example.com", Kind: "Widget"}: false, {Group: "example.com", Kind: "World"}: true},
				Objects:       all,
			})
			var got []finding.Rule
			for _, f := range result.Findings {
				got = append(got, f.Rule)
				if f.Rule != policy.RuleUnusedAllow && (f.Line == 0 || !strings.HasPrefix(f.File, "clusters/dev/manifests/c/")) {
					t.Errorf("no template and line: %+v", f)
				}
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("-want +got:\n%s\n%v", d, result.Findings)
			}
		})
	}
}

func TestClusterScopedKindsAreGathered(t *testing.T) {
	all := objects(t, "apiVersion: "+rbac+"/v1\nkind: ClusterRole\nmetadata: {name: a}\n---\napiVersion: "+rbac+"/v1\nkind: ClusterRole\nmetadata: {name: b}\n---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: a}\n")
	result := policy.Check(policy.Request{Objects: all})
	if d := cmp.Diff([]policy.Kind{{Kind: "PersistentVolume"}, {Group: rbac, Kind: "ClusterRole"}}, result.ClusterScoped); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestObjectsRefusesWhatKubernetesDoesNotTake(t *testing.T) {
	for _, text := range []string{"- a\n", "a: [\n"} {
		if _, err := policy.Objects(manifest.Parse(manifest.Rendered, "a.yaml", []byte(text)).Documents); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
