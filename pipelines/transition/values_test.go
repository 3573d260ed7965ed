package transition_test

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/transition"
)

// valued returns a side of a chart with the values and the objects, both in YAML; objects
// of a name alone are StatefulSets.
func valued(t *testing.T, version, values string, objects ...string) transition.Side {
	t.Helper()
	s := transition.Side{Name: "dev", Chart: transition.Chart{Name: "vcluster", Version: version}, Namespace: "dev"}
	if err := yaml.Unmarshal([]byte(values), &s.Values); err != nil {
		t.Fatal(err)
	}
	for _, text := range objects {
		var o transition.Object
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		s.Objects = append(s.Objects, o)
	}
	return s
}

const (
	pod      = "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: dev}, spec: {replicas: 1}}"
	database = "{controlPlane: {backingStore: {database: {external: {enabled: true, dataSource: %}}}}}"
)

// What a value does that the objects do not show. want are EFFECT NAME, FROM and TO, the
// worst first, without what is simply applied.
func TestValuesOfARunningCluster(t *testing.T) {
	of := func(source string) string { return strings.ReplaceAll(database, "%", source) }
	for name, test := range map[string]struct {
		version, before, after string
		want                   []string
	}{
		"another database":     {"0.36.1", of(`"postgres://u:secret@a:5432/x?ssl=1"`), of(`"postgres://u:secret@b:5432/x?ssl=1"`), []string{"empty-cluster store: postgres://a:5432/x > postgres://b:5432/x"}},
		"another password":     {"0.36.1", of(`"postgres://u:secret@a/x"`), of(`"postgres://v:secr@et2@a/x?k=secret"`), nil},
		"MySQL's form":         {"0.36.1", of(`"mysql://u:secret@tcp(a:3306)/x"`), of(`"mysql://u:secret@tcp(a:3306)/y"`), []string{"empty-cluster store: mysql://tcp(a:3306)/x > mysql://tcp(a:3306)/y"}},
		"an @ in an option":    {"0.36.1", of(`"postgres://a/x?user=u@b"`), of(`"postgres://b/x?password=secret@b"`), []string{"empty-cluster store: another data source > another data source"}},
		"a sealed value":       {"0.36.1", of(`"(sealed: env KASOU_VALUE_A 0123456789abcdef)"`), of(`"(sealed: env KASOU_VALUE_A 0123456789abcdee)"`), []string{"empty-cluster : external-database > external-database"}},
		"a connector":          {"0.36.1", "{controlPlane: {backingStore: {database: {external: {enabled: true, connector: a}}}}}", "{controlPlane: {backingStore: {database: {external: {enabled: true, connector: b}}}}}", []string{"empty-cluster store: a > b"}},
		"another file":         {"0.36.1", "{controlPlane: {}}", `{controlPlane: {backingStore: {database: {embedded: {dataSource: "sqlite:///data/b.db"}}}}}`, []string{"empty-cluster store: default > sqlite:///data/b.db"}},
		"another etcd":         {"0.36.1", "{controlPlane: {backingStore: {etcd: {external: {enabled: true, endpoint: a:2379}}}}}", "{controlPlane: {backingStore: {etcd: {external: {enabled: true, endpoint: b:2379}}}}}", []string{"empty-cluster store: a:2379 > b:2379"}},
		"k3s' own variable":    {"0.19.7", "{}", "{vcluster: {env: [{name: K3S_DATASTORE_ENDPOINT, value: 'mysql://u:p@tcp(h)/d'}]}}", []string{"data-lost store: embedded-database > external-database"}},
		"from a Secret":        {"0.19.7", "{vcluster: {env: [{name: K3S_DATASTORE_ENDPOINT, valueFrom: {secretKeyRef: {name: a, key: b}}}]}}", "{vcluster: {env: [{name: K3S_DATASTORE_ENDPOINT, valueFrom: {secretKeyRef: {name: c, key: b}}}]}}", []string{"empty-cluster : external-database > external-database"}},
		"a sealed password":    {"0.36.1", of(`"(sealed: env KASOU_VALUE_A 0123456789abcdef at 0123456789abcdef)"`), of(`"(sealed: env KASOU_VALUE_A 0123456789abcdee at 0123456789abcdef)"`), nil},
		"a sealed place":       {"0.36.1", of(`"(sealed: env KASOU_VALUE_A 0123456789abcdef at 0123456789abcdef)"`), of(`"(sealed: secret a/b c 0123456789abcdee at 0123456789abcdee)"`), []string{"empty-cluster store: sealed-place-0123456789abcdef > sealed-place-0123456789abcdee"}},
		"a place once told":    {"0.36.1", of(`"(sealed: env KASOU_VALUE_A 0123456789abcdef)"`), of(`"(sealed: env KASOU_VALUE_A 0123456789abcdee at 0123456789abcdee)"`), []string{"empty-cluster : external-database > external-database"}},
		"two words":            {"0.19.7", "{}", "{vcluster: {extraArgs: ['--datastore-endpoint', 'mysql://u:p@tcp(h)/d']}}", []string{"data-lost store: embedded-database > external-database"}},
		"k3s of a newer chart": {"0.24.1", "{controlPlane: {distro: {k3s: {enabled: true}}}}", "{controlPlane: {distro: {k3s: {enabled: true, extraArgs: ['--datastore-endpoint=postgres://u:secret@a/d']}}}}", []string{"data-lost store: embedded-database > external-database"}},
		"a distro that is off": {"0.24.1", "{controlPlane: {}}", "{controlPlane: {distro: {k3s: {extraArgs: ['--datastore-endpoint=postgres://u:secret@a/d']}, k0s: {config: 'spec: {storage: {type: kine}}'}}}}", nil},
		"an API server's etcd": {"0.30.0", "{controlPlane: {}}", "{controlPlane: {distro: {k8s: {apiServer: {extraArgs: ['--etcd-servers=https://a:2379']}}}}}", []string{"data-lost store: embedded-database > external-etcd"}},
		"an old one's etcd":    {"0.19.7", "{api: {extraArgs: ['--etcd-servers=https://a:2379']}}", "{api: {extraArgs: ['--etcd-servers=https://b:2379']}}", []string{"empty-cluster store: https://a:2379 > https://b:2379"}},
		"k3s' own argument":    {"0.19.7", "{vcluster: {extraArgs: ['--datastore-endpoint=etcd://a']}}", "{vcluster: {extraArgs: ['--datastore-endpoint=etcd://b']}}", []string{"empty-cluster store: etcd://a > etcd://b"}},
		"a mode of namespaces": {"0.24.1", "{controlPlane: {}}", "{controlPlane: {}, experimental: {multiNamespaceMode: {enabled: true}}}", []string{"refused-by-vcluster namespace-sync: disabled > multi-namespace"}},
		"an older mode":        {"0.19.7", "{multiNamespaceMode: {enabled: true}}", "{}", []string{"refused-by-vcluster namespace-sync: multi-namespace > disabled"}},
		"namespaces synced":    {"0.36.1", "{controlPlane: {}, sync: {toHost: {namespaces: {enabled: false, mappings: {byName: {}}}}}}", "{controlPlane: {}, sync: {toHost: {namespaces: {enabled: true, mappingsOnly: true, mappings: {byName: {a: b}}}}}}", []string{`refused-by-vcluster namespace-sync: disabled > enabled, mappings only, by name {"a":"b"}`}},
		"mappings alone":       {"0.36.1", "{controlPlane: {}, sync: {toHost: {namespaces: {enabled: false}}}}", "{controlPlane: {}, sync: {toHost: {namespaces: {enabled: false, mappings: {byName: {a: b}}}}}}", nil},
		"pods elsewhere":       {"0.24.1", "{controlPlane: {}}", "{controlPlane: {}, experimental: {syncSettings: {targetNamespace: x}}}", []string{"refused-by-vcluster workload-namespace: the cluster's own > x"}},
		"by an argument":       {"0.4.3", "{}", "{syncer: {extraArgs: ['--target-namespace=x']}}", []string{"refused-by-vcluster workload-namespace: the cluster's own > x"}},
		"nodes of its own":     {"0.30.0", "{controlPlane: {}}", "{controlPlane: {}, privateNodes: {enabled: true, vpn: {enabled: true}}, networking: {podCIDR: 10.1.0.0/16}}", []string{"refused-by-vcluster private-nodes: disabled > enabled"}},
		"their network":        {"0.30.0", "{controlPlane: {}, privateNodes: {enabled: true}}", "{controlPlane: {}, privateNodes: {enabled: true, vpn: {enabled: true}}}", []string{"refused-by-vcluster vpn: disabled > enabled, node to node disabled"}},
		"their pods":           {"0.30.0", "{controlPlane: {}, privateNodes: {enabled: true}, networking: {podCIDR: 10.1.0.0/16}}", "{controlPlane: {}, privateNodes: {enabled: true}, networking: {podCIDR: 10.2.0.0/16}}", []string{"refused-by-vcluster pod-cidr: 10.1.0.0/16 > 10.2.0.0/16"}},
		"pods of the host":     {"0.30.0", "{controlPlane: {}, networking: {podCIDR: 10.1.0.0/16}}", "{controlPlane: {}, networking: {podCIDR: 10.2.0.0/16}}", nil},
		"a kind less":          {"0.36.1", "{controlPlane: {}, sync: {toHost: {ingresses: {enabled: true}, pods: {enabled: true}}}}", "{controlPlane: {}, sync: {toHost: {ingresses: {enabled: false}, pods: {enabled: true}}}}", []string{"workloads-affected :  > "}},
		"a kind less, before":  {"0.19.7", "{sync: {ingresses: {enabled: true}}}", "{sync: {ingresses: {enabled: false}}}", []string{"workloads-affected :  > "}},
		"a kind more":          {"0.36.1", "{controlPlane: {}, sync: {toHost: {ingresses: {enabled: false}}}}", "{controlPlane: {}, sync: {toHost: {ingresses: {enabled: true}}}}", nil},
		"a kind unknown":       {"0.36.1", "{controlPlane: {}, sync: {toHost: {ingresses: {enabled: true}}}}", "{controlPlane: {}, sync: {toHost: {}}}", nil},
		"another domain":       {"0.36.1", "{controlPlane: {}}", "{controlPlane: {}, networking: {advanced: {clusterDomain: x.local}}}", []string{"workloads-affected : cluster.local > x.local"}},
		"values of nothing":    {"0.36.1", "", of(`"postgres://a/x"`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			changes := transition.Compare(valued(t, test.version, test.before, pod), valued(t, test.version, test.after, pod))
			hold(t, changes, test.want)
		})
	}
}

// The configuration of k0s replaces the chart's own, its store too.
func TestTheStoreOfK0s(t *testing.T) {
	storage := func(text string) map[string]any {
		return map[string]any{"config": "apiVersion: k0s.k0sproject.io/v1beta1\nspec:\n  storage: " + text}
	}
	nothing, mysql := map[string]any{}, "{type: kine, kine: {dataSource: 'mysql://u:secret@tcp(a)/x'}}"
	for name, test := range map[string]struct {
		before, after map[string]any
		want          []string
	}{
		"nothing":           {nothing, map[string]any{"config": "---\n"}, nil},
		"its own etcd":      {nothing, storage("{type: etcd}"), nil},
		"SQLite":            {nothing, storage("{type: kine}"), []string{"data-lost store: embedded-database > kine"}},
		"a single node":     {nothing, map[string]any{"vcluster": map[string]any{"extraArgs": []any{"--single"}}}, []string{"data-lost store: embedded-database > kine"}},
		"a database":        {nothing, storage(mysql), []string{"data-lost store: embedded-database > external-database"}},
		"another database":  {storage(mysql), storage(strings.Replace(mysql, "tcp(a)", "tcp(b)", 1)), []string{"empty-cluster store: mysql://tcp(a)/x > mysql://tcp(b)/x"}},
		"another password":  {storage(mysql), storage(strings.Replace(mysql, "secret", "secret2", 1)), nil},
		"an etcd elsewhere": {nothing, storage("{etcd: {externalCluster: {endpoints: ['https://a:2379'], etcdPrefix: /x}}}"), []string{"data-lost store: embedded-database > external-etcd"}},
		"another prefix":    {storage("{etcd: {externalCluster: {endpoints: [a], etcdPrefix: /x}}}"), storage("{etcd: {externalCluster: {endpoints: [a], etcdPrefix: /y}}}"), []string{"empty-cluster store: a /x > a /y"}},
		"from elsewhere":    {map[string]any{"config": "(sealed: env KASOU_VALUE_A 0123456789abcdef)"}, map[string]any{"config": "(sealed: env KASOU_VALUE_A 0123456789abcdee)"}, []string{"empty-cluster : external-database > external-database"}},
		"not YAML":          {nothing, map[string]any{"config": "{"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := valued(t, "0.19.7", "{}", pod), valued(t, "0.19.7", "{}", pod)
			before.Values, after.Values = test.before, test.after
			before.Chart.Name, after.Chart.Name = "vcluster-k0s", "vcluster-k0s"
			hold(t, transition.Compare(before, after), test.want)
		})
	}
}

// hold compares changes with EFFECT NAME: FROM > TO, and looks for what no message may
// show.
func hold(t *testing.T, changes []transition.Change, want []string) {
	t.Helper()
	var got []string
	for _, c := range changes {
		if strings.Contains(strings.Join([]string{c.From, c.To, c.Message, c.Hint}, "|"), "secret") {
			t.Errorf("%+v has a credential", c)
		}
		if c.Message == "" || c.Refused() && c.Hint == "" {
			t.Errorf("%+v says too little", c)
		}
		if c.Effect != transition.Applied && c.Effect != transition.Restart {
			got = append(got, c.Effect.String()+" "+c.Name+": "+c.From+" > "+c.To)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What objects do beside being applied.
func TestObjectsOfARunningCluster(t *testing.T) {
	sized := func(kind, name, replicas string) string {
		return "{apiVersion: apps/v1, kind: " + kind + ", metadata: {name: " + name + "}, spec: {replicas: " + replicas + "}}"
	}
	own := "{apiVersion: v1, kind: ServiceAccount, metadata: {name: own}}"
	as := func(account string) string {
		return "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: dev}, spec: {template: {spec: {serviceAccountName: " + account + "}}}}"
	}
	service := func(spec string) string {
		return "{apiVersion: v1, kind: Service, metadata: {name: dev}, spec: {" + spec + "}}"
	}
	namespace := func(labels string) string {
		return "{apiVersion: v1, kind: Namespace, metadata: {name: dev, labels: {" + labels + "}}}"
	}
	retained := func(when string) string {
		return "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: dev}, spec: {persistentVolumeClaimRetentionPolicy: {" + when + "}}}"
	}
	policy := "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {}}}"
	const plain, etcd = "{controlPlane: {}}", "{controlPlane: {backingStore: {etcd: {deploy: {enabled: true}}}}}"
	list := func(texts ...string) []string { return texts }
	role := func(rules string) string {
		return "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: dev}, rules: [" + rules + "]}"
	}
	for name, test := range map[string]struct {
		values        string
		before, after []string
		want          []string
	}{
		"two on one file":     {plain, list(sized("StatefulSet", "dev", "1")), list(sized("StatefulSet", "dev", "2")), list("refused-by-vcluster replicas: 1 > 2")},
		"back to one":         {plain, list(sized("StatefulSet", "dev", "2")), list(sized("StatefulSet", "dev", "1")), nil},
		"two on an etcd":      {etcd, list(sized("Deployment", "dev", "1")), list(sized("Deployment", "dev", "3")), nil},
		"none":                {etcd, list(sized("Deployment", "dev", "1")), list(sized("Deployment", "dev", "0")), list("unreachable replicas: 1 > 0")},
		"none before":         {plain, list(sized("StatefulSet", "dev", "0")), list(sized("StatefulSet", "dev", "1")), nil},
		"an etcd grows":       {etcd, list(sized("StatefulSet", "dev-etcd", "1")), list(sized("StatefulSet", "dev-etcd", "3")), list("data-lost etcd-replicas: 1 > 3")},
		"an etcd shrinks":     {etcd, list(sized("StatefulSet", "dev-etcd", "11")), list(sized("StatefulSet", "dev-etcd", "3")), list("refused-by-vcluster etcd-replicas: 11 > 3")},
		"an etcd of its own":  {etcd, list(sized("StatefulSet", "app-etcd", "1")), list(sized("StatefulSet", "app-etcd", "3")), nil},
		"an app of its own":   {etcd, list(sized("Deployment", "app", "1")), list(sized("Deployment", "app", "0")), nil},
		"an app that goes":    {etcd, list(sized("Deployment", "app", "1")), nil, list("left-running :  > ")},
		"a policy that goes":  {plain, list(policy), nil, list("left-running :  > ")},
		"a policy that comes": {plain, nil, list(policy), list("workloads-affected :  > ")},
		"an account unmade":   {plain, list(as("vc-dev")), list(as("own")), list("workloads-affected :  > own")},
		"an account made":     {plain, list(as("vc-dev")), list(as("own"), own), nil},
		"a level":             {plain, list(namespace("")), list(namespace("pod-security.kubernetes.io/enforce: baseline")), list("workloads-affected : none > baseline")},
		"a level less":        {plain, list(namespace("pod-security.kubernetes.io/enforce: baseline")), list(namespace("")), nil},
		"volumes go along":    {plain, list(retained("")), list(retained("whenDeleted: Delete")), list("guard-lifted : Retain > Delete")},
		"volumes stay":        {plain, list(retained("whenDeleted: Delete")), list(retained("whenDeleted: Retain")), nil},
		"another family":      {plain, list(service("ipFamilies: [IPv4]")), list(service("ipFamilies: [IPv6, IPv4]")), list("refused-by-api-server Service spec.ipFamilies: IPv4 > IPv6")},
		"a second family":     {plain, list(service("ipFamilies: [IPv4]")), list(service("ipFamilies: [IPv4, IPv6]")), nil},
		"a family first":      {plain, list(service("")), list(service("ipFamilies: [IPv4]")), nil},
		"another balancer":    {plain, list(service("type: LoadBalancer, loadBalancerClass: a")), list(service("type: LoadBalancer, loadBalancerClass: b")), list("refused-by-api-server Service spec.loadBalancerClass: a > b")},
		"a right less":        {plain, list(role("{apiGroups: ['', apps], resources: [pods], verbs: [get, delete]}")), list(role("{apiGroups: [''], resources: [pods], verbs: [get]}")), list("workloads-affected :  > ")},
		"the same rights":     {plain, list(role("{apiGroups: [''], resources: [pods, secrets], verbs: [get]}")), list(role("{apiGroups: [''], resources: [secrets], verbs: [get]}, {apiGroups: [''], resources: [pods], verbs: [get, list]}")), nil},
		"rights of no sense":  {plain, list(role("{apiGroups: a, resources: [1], verbs: {}}, 2")), list(role("")), nil},
		"its type, too":       {plain, list(service("type: ClusterIP")), list(service("type: LoadBalancer, loadBalancerClass: b")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			hold(t, transition.Compare(valued(t, "0.30.0", test.values, test.before...), valued(t, "0.30.0", test.values, test.after...)), test.want)
		})
	}
}

// The hints of what has to be deleted keep what the vcluster synced: it is owned by one of
// its own objects.
func TestWhatOwnsIsNotSimplyDeleted(t *testing.T) {
	before := valued(t, "0.30.0", "{controlPlane: {}}", pod, "{apiVersion: v1, kind: Service, metadata: {name: dev}, spec: {clusterIP: 10.0.0.1}}", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")
	after := valued(t, "0.30.0", "{controlPlane: {}}", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: dev}}", "{apiVersion: v1, kind: Service, metadata: {name: dev}, spec: {clusterIP: None}}")
	told := 0
	for _, c := range transition.Compare(before, after) {
		if strings.Contains(strings.ToLower(c.Hint), "delete") {
			told++
			if !strings.Contains(c.Hint, "--cascade=orphan") {
				t.Errorf("%s: %s", c.Message, c.Hint)
			}
		}
	}
	if told != 3 {
		t.Errorf("%d hints, want those of the workload, the Service and what is left", told)
	}
}

func TestApplications(t *testing.T) {
	base := transition.Application{Namespace: "argocd", Project: "default", Source: "a.git at main, clusters/dev/manifests", Guarded: true, Automated: true}
	for name, test := range map[string]struct {
		change func(*transition.Application)
		want   []string
	}{
		"nothing":            {func(*transition.Application) {}, nil},
		"cascade":            {func(a *transition.Application) { a.Cascade = true }, []string{"guard-lifted"}},
		"retire":             {func(a *transition.Application) { a.Guarded = false }, []string{"guard-lifted"}},
		"both":               {func(a *transition.Application) { a.Guarded, a.Cascade = false, true }, []string{"guard-lifted", "guard-lifted"}},
		"by hand":            {func(a *transition.Application) { a.Automated = false }, []string{"ignored"}},
		"another project":    {func(a *transition.Application) { a.Project = "x" }, []string{"guard-lifted"}},
		"another repository": {func(a *transition.Application) { a.Source = "evil.git at main, clusters/dev/manifests" }, []string{"source-moves"}},
		"no Application":     {func(a *transition.Application) { *a = transition.Application{} }, nil},
		"another namespace":  {func(a *transition.Application) { a.Namespace = "argo" }, []string{"left-running"}},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := valued(t, "0.30.0", "{}"), valued(t, "0.30.0", "{}")
			before.Application, after.Application = base, base
			test.change(&after.Application)
			var got []string
			for _, c := range transition.Compare(before, after) {
				got = append(got, c.Effect.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if slices.Contains(test.want, "guard-lifted") && name != "another project" {
				before.Application, after.Application = after.Application, before.Application
				if back := transition.Compare(before, after); len(back) > 0 {
					t.Errorf("back: %+v", back)
				}
			}
		})
	}
}

// A role that loses rights with another version of the chart is the chart's own affair.
func TestRightsOfAnotherChart(t *testing.T) {
	role := "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: dev}, rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]}"
	before, after := valued(t, "0.30.0", "{controlPlane: {}}", role), valued(t, "0.31.0", "{controlPlane: {}}", strings.Replace(role, "pods", "nodes", 1))
	hold(t, transition.Compare(before, after), nil)
	after.Chart = before.Chart
	hold(t, transition.Compare(before, after), []string{"workloads-affected :  > "})
}

// Which credential is exported decides what is registered next time.
func TestTheExportedCredential(t *testing.T) {
	const plain = "{controlPlane: {}, exportKubeConfig: {server: a, context: '', insecure: false, serviceAccount: {}}}"
	for values, stale := range map[string]bool{
		plain:                false,
		"{controlPlane: {}}": false,
		"{controlPlane: {}, exportKubeConfig: {server: b, additionalSecrets: [{name: a}]}}":   false,
		"{controlPlane: {}, exportKubeConfig: {serviceAccount: {name: '', clusterRole: ''}}}": false,
		"{controlPlane: {}, exportKubeConfig: {serviceAccount: {name: a}}}":                   true,
		"{controlPlane: {}, exportKubeConfig: {insecure: true}}":                              true,
	} {
		before, after := valued(t, "0.30.0", plain), valued(t, "0.30.0", values)
		hold(t, transition.Compare(before, after), nil)
		before.Registered = true
		var want []string
		if stale {
			want = []string{"credential-stale :  > "}
		}
		hold(t, transition.Compare(before, after), want)
	}
}
