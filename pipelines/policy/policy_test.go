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

// rules returns a ClusterRole of the cluster's own name with one rule.
func rules(rule string) string {
	return "apiVersion: " + rbac + "/v1\nkind: ClusterRole\nmetadata: {name: vc-dev}\nrules: [" + rule + "]\n"
}

// sealed returns a SealedSecret of that name.
func sealed(name string) string {
	return "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: " + name + "}\nspec: {encryptedData: {config: AgB}}\n"
}

// annotated returns an object with an annotation of Argo CD's.
func annotated(kind, annotation string) string {
	return "apiVersion: v1\nkind: " + kind + "\nmetadata: {name: a, annotations: {argocd.argoproj.io/" + annotation + "}}\n"
}

func TestCheck(t *testing.T) {
	role := "apiVersion: " + rbac + "/v1\nkind: ClusterRole\nmetadata: {name: vc-dev}\n---\n"
	binding := role + "apiVersion: " + rbac + "/v1\nkind: ClusterRoleBinding\nmetadata: {name: dev}\nroleRef: {kind: ClusterRole, name: vc-dev}\n"
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
			name: "the host's own role", text: "apiVersion: " + rbac + "/v1\nkind: ClusterRole\nmetadata: {name: cluster-admin}\nrules: []\n",
			want: []finding.Rule{policy.RuleClusterScoped},
		},
		{name: "a name that has the cluster's in a word", text: "apiVersion: " + rbac + "/v1\nkind: ClusterRole\nmetadata: {name: vc-develop-v-xdev}\n", want: []finding.Rule{policy.RuleClusterScoped}},
		{name: "every verb", text: rules("{apiGroups: [apps], resources: [deployments], verbs: ['*']}"), want: []finding.Rule{policy.RuleRights}},
		{name: "every group", text: rules("{apiGroups: ['*'], resources: [pods], verbs: [get]}"), want: []finding.Rule{policy.RuleRights}},
		{name: "every resource", text: rules("{apiGroups: ['', apps], resources: ['*'], verbs: [get]}"), want: []finding.Rule{policy.RuleRights}},
		{name: "every resource of a group of its own", text: rules("{apiGroups: [subresources.kubevirt.io], resources: ['*'], verbs: [get]}")},
		{name: "escalation", text: rules("{apiGroups: [" + rbac + "], resources: [clusterroles], verbs: [get, escalate]}"), want: []finding.Rule{policy.RuleRights}},
		{name: "any URL", text: rules("{nonResourceURLs: [/], verbs: ['*']}"), want: []finding.Rule{policy.RuleRights}},
		{name: "any account", text: rules("{apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}"), want: []finding.Rule{policy.RuleRights}},
		{name: "what charts need", text: rules("{apiGroups: [''], resources: [nodes, nodes/proxy, secrets], verbs: [get, list, watch]}")},
		{name: "other roles' rules", text: strings.Replace(rules(""), "rules:", "aggregationRule: {clusterRoleSelectors: [{}]}\nrules:", 1), want: []finding.Rule{policy.RuleRights}},
		{
			name: "rules for the host's roles", text: strings.Replace(rules(""), "name: vc-dev", "name: vc-dev, labels: {"+rbac+"/aggregate-to-view: 'true'}", 1),
			want: []finding.Rule{policy.RuleRights},
		},
		{
			name: "every verb, allowed", text: rules("{apiGroups: ['*'], resources: ['*'], verbs: ['*']}"),
			allow: []fleet.Allowed{{Group: rbac, Kind: "ClusterRole", Name: "vc-dev"}},
		},
		{name: "no guard", text: annotated("PersistentVolumeClaim", "sync-options: 'ServerSideApply=true, Delete=true'"), want: []finding.Rule{policy.RuleArgoCD}},
		{name: "made anew", text: annotated("Service", "sync-options: 'Force=true,Replace=true'"), want: []finding.Rule{policy.RuleArgoCD}},
		{name: "made anew, allowed", text: annotated("Service", "sync-options: 'Force=true,Replace=true'"), allow: []fleet.Allowed{{Kind: "Service"}}},
		{name: "a Job that is made anew", text: annotated("Job", "sync-options: 'Force=true,Replace=true'")},
		{name: "a removal that waits", text: annotated("ConfigMap", "sync-options: Prune=confirm"), want: []finding.Rule{policy.RuleArgoCD}},
		{name: "guarded twice", text: annotated("ConfigMap", "sync-options: 'Prune=false,Delete=false,SkipDryRunOnMissingResource=true'")},
		{name: "skipped", text: annotated("ConfigMap", "hook: 'Skip'"), want: []finding.Rule{policy.RuleArgoCD}},
		{name: "a claim as a hook", text: annotated("PersistentVolumeClaim", "hook: PreSync"), want: []finding.Rule{policy.RuleArgoCD}},
		{name: "a claim as a hook of Helm's", text: "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a, annotations: {helm.sh/hook: pre-install}}\n", want: []finding.Rule{policy.RuleArgoCD}},
		{name: "a policy as a hook", text: annotated("NetworkPolicy", "hook: PreSync"), want: []finding.Rule{policy.RuleArgoCD}},
		{name: "a policy as a hook of Helm's, when all is gone", text: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, annotations: {helm.sh/hook: post-delete}}\n", want: []finding.Rule{policy.RuleArgoCD}},
		{name: "a quota as a hook", text: annotated("ResourceQuota", "hook: Sync"), want: []finding.Rule{policy.RuleArgoCD}},
		{name: "a hook of no phase", text: annotated("ConfigMap", "hook: Presync"), want: []finding.Rule{policy.RuleArgoCD}},
		{name: "a hook that says nothing", text: annotated("ConfigMap", "hook: ''"), want: []finding.Rule{policy.RuleArgoCD}},
		{name: "a hook of Helm's that Argo CD lacks", text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {helm.sh/hook: pre-rollback}}\n", want: []finding.Rule{policy.RuleArgoCD}},
		{name: "a hook of no phase, allowed", text: annotated("ConfigMap", "hook: Presync"), allow: []fleet.Allowed{{Kind: "ConfigMap"}}},
		{name: "a hook's own settings", text: annotated("ConfigMap", "hook: 'PreSync, PostDelete'")},
		{name: "a test of Helm's", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {helm.sh/hook: test}}\n"},
		{name: "a hook that is none", text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {helm.sh/hook: crd-install}}\n"},
		{name: "a Job as a hook", text: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a, annotations: {helm.sh/hook: pre-install}}\n"},
		{name: "the kubeconfig", text: sealed("vc-dev"), want: []finding.Rule{policy.RuleKubeconfig}},
		{name: "the kubeconfig, allowed", text: sealed("vc-dev"), allow: []fleet.Allowed{{Group: "bitnami.com", Kind: "SealedSecret"}}, want: []finding.Rule{policy.RuleKubeconfig}},
		{name: "another cluster's, by an extra", text: sealed("vc-other"), extra: true, want: []finding.Rule{policy.RuleKubeconfig}},
		{name: "another cluster's, by a chart", text: strings.Replace(sealed("vc-other"), "name: vc-other", "name: vc-other, namespace: other", 1), allow: []fleet.Allowed{{Group: "bitnami.com", Kind: "SealedSecret", Namespace: "other"}}, want: []finding.Rule{policy.RuleKubeconfig}},
		{name: "a chart's configuration", text: sealed("vc-config-dev")},
		{name: "a Secret of an extra", text: sealed("database"), extra: true},
		{name: "a definition that says the known scope", text: definition("Cluster"), allow: []fleet.Allowed{{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}}},
		{name: "a definition that says another scope", text: definition("Namespaced"), allow: []fleet.Allowed{{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}}, want: []finding.Rule{policy.RuleUnknownScope}},
		{name: "a wave", text: annotated("Service", "sync-wave: '-1'")},
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

// definition returns a CustomResourceDefinition of the kind World, which has no namespace.
func definition(scope string) string {
	return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: worlds.example.com}\nspec: {group: example.com, scope: " + scope + ", names: {kind: World}}\n"
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

// Two Applications that claim one object undo each other.
func TestAnObjectOfTwoClusters(t *testing.T) {
	const text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	in := func(namespace string) string {
		return strings.Replace(text, "name: a", "name: a, namespace: "+namespace, 1)
	}
	role := "apiVersion: " + rbac + "/v1\nkind: ClusterRole\nmetadata: {name: vc-a-v-b-v-c}\n"
	spec := func(namespace string) fleet.ClusterSpec { return fleet.ClusterSpec{Namespace: namespace} }
	shared := fleet.ClusterSpec{Namespace: "both", ShareNamespace: true}
	monitoring := fleet.ClusterSpec{Namespace: "a", Allow: []fleet.Allowed{{Kind: "ConfigMap", Namespace: "monitoring"}}}
	elsewhere := spec("b")
	elsewhere.Host = "eu"
	for name, test := range map[string]struct {
		first, second fleet.ClusterSpec
		one, two      string
		want          int
	}{
		"namespaces of their own":       {spec("a"), spec("b"), text, text, 0},
		"a shared namespace":            {shared, shared, text, text, 1},
		"said and not said":             {shared, shared, text, in("both"), 1},
		"another kind":                  {shared, shared, text, strings.Replace(text, "ConfigMap", "ServiceAccount", 1), 0},
		"a namespace of neither":        {monitoring, monitoring, in("monitoring"), in("monitoring"), 1},
		"no namespace":                  {spec("b-v-c"), spec("c"), role, role, 1},
		"no namespace, on other hosts":  {spec("a"), elsewhere, role, role, 0},
		"another name, no namespace":    {spec("a"), spec("b"), role, strings.Replace(role, "v-c", "v-d", 1), 0},
		"a name that Argo CD makes up":  {shared, shared, strings.Replace(text, "name", "generateName", 1), strings.Replace(text, "name", "generateName", 1), 0},
		"only one of the two has it":    {shared, shared, text, "", 0},
		"another version of that group": {shared, shared, "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\n", "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\n", 1},
	} {
		var all policy.Fleet
		for cluster, brings := range map[string]struct {
			spec fleet.ClusterSpec
			text string
		}{"a": {test.first, test.one}, "a-v-b": {test.second, test.two}} {
			c := fleet.Cluster{Name: cluster, File: "clusters/" + cluster + "/spec.yaml", Spec: brings.spec}
			all.Put(c.Name, policy.Check(policy.Request{Cluster: c, Objects: objects(t, brings.text)}).Outside)
		}
		found := all.Twice(func(string) bool { return true })
		if len(found) != test.want || test.want > 0 && (found[0].Cluster != "a-v-b" || !strings.Contains(found[0].Message, "also of cluster a (")) {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestANameOfAnotherClustersAPIServer(t *testing.T) {
	on := true
	at := func(name, host string) fleet.Cluster {
		return fleet.Cluster{Name: name, Spec: fleet.ClusterSpec{Namespace: name, Ingress: &fleet.Ingress{Enabled: &on, Host: host}}}
	}
	dev, other := at("dev", "dev.example.com"), at("other", "Other.example.com")
	other.Spec.Endpoint = &fleet.Endpoint{NodePort: &fleet.NodePortEndpoint{Host: "nodes.example.com", Port: 30443}, Gateway: &fleet.GatewayEndpoint{Host: "gateway.example.com"}}
	other.Spec.Server = "https://By-Values.example.com:8443/"
	balanced := []fleet.Cluster{{Name: "x", Spec: fleet.ClusterSpec{Server: "https://lb.example.com:1443"}}, {Name: "y", Spec: fleet.ClusterSpec{Server: "https://lb.example.com:2443"}}}
	ingress := func(host string) string {
		return "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{host: a.example.com}, {host: " + host + "}]}\n"
	}
	for text, want := range map[string]int{
		ingress("dev.example.com"):       0,
		ingress("other.example.com"):     1,
		ingress("OTHER.example.com."):    1,
		ingress("gateway.example.com"):   1,
		ingress("nodes.example.com"):     0,
		ingress("by-values.example.com"): 1,
		ingress("lb.example.com"):        0,
		ingress("'*.example.com'"):       0,
		ingress("app.other.example.com"): 0,
		"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec: {hostnames: [other.example.com]}\n":                                               1,
		"apiVersion: externaldns.k8s.io/v1alpha1\nkind: DNSEndpoint\nmetadata: {name: a}\nspec: {endpoints: [{dnsName: other.example.com}]}\n":                                   1,
		"apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {external-dns.alpha.kubernetes.io/hostname: 'a.example.com, other.example.com'}}\n":                     1,
		"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, annotations: {external-dns.alpha.kubernetes.io/hostname: other.example.com}}\nspec: {}\n":          1,
		"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {tls: [{hosts: [a.example.com, other.example.com]}]}\n":                                     1,
		"apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\nmetadata: {name: a, annotations: {external-dns.alpha.kubernetes.io/hostname: other.example.com}}\nspec: {}\n": 1,
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {host: other.example.com}\n":                                                                                0,
	} {
		r := policy.Request{Cluster: dev, Endpoints: policy.EndpointsOf(append(balanced, dev, other)), Objects: objects(t, text)}
		found := policy.Check(r).Findings
		if len(found) != want || want > 0 && (found[0].Rule != policy.RuleHost || !strings.Contains(found[0].Message, "cluster other")) {
			t.Errorf("%s: %v", text, found)
		}
		r.Cluster.Spec.Allow = []fleet.Allowed{{Group: "networking.k8s.io", Kind: "Ingress"}}
		if found := policy.Check(r).Findings; strings.Contains(text, "Ingress") && len(found) > 0 {
			t.Errorf("%s, allowed: %v", text, found)
		}
	}
}
