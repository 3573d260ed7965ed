package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/e2e/internal/apply"
	"kasou/e2e/internal/build"
	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/transition"
)

// steps are changes of one spec, each from the chart's plain spec to one with these
// lines; some the API server refuses, most it does not.
var steps = []struct{ chart, lines string }{
	{"vcluster-0.36.1", "  podSecurity: {enforce: baseline}\n"},
	{"vcluster-0.36.1", "  ingress: {enabled: true, host: x.example.com, className: nginx}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {resources: {limits: {memory: 3Gi}}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {highAvailability: {replicas: 3}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {scheduling: {podManagementPolicy: OrderedReady}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {scheduling: {nodeSelector: {a: b}}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {persistence: {volumeClaim: {size: 20Gi}}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {persistence: {volumeClaim: {storageClass: fast}}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {persistence: {volumeClaim: {retentionPolicy: Delete}}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {persistence: {volumeClaim: {enabled: false}}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {labels: {a: b}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {annotations: {a: b}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {pods: {labels: {a: b}}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {statefulSet: {env: [{name: A, value: b}]}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {service: {spec: {type: NodePort}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {service: {spec: {type: LoadBalancer}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {service: {spec: {clusterIP: None}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {service: {annotations: {a: b}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {service: {spec: {type: LoadBalancer, loadBalancerClass: example.com/a}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {service: {spec: {ipFamilyPolicy: SingleStack, ipFamilies: [IPv4]}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {backingStore: {etcd: {deploy: {enabled: true, statefulSet: {highAvailability: {replicas: 3}}}}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {backingStore: {etcd: {deploy: {enabled: true}}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {advanced: {serviceAccount: {name: own}}}}\n"},
	{"vcluster-0.36.1", "  values: {controlPlane: {advanced: {workloadServiceAccount: {enabled: false}}}}\n"},
	{"vcluster-0.36.1", "  values: {policies: {resourceQuota: {enabled: true}, limitRange: {enabled: true}}}\n"},
	{"vcluster-0.36.1", "  values: {policies: {networkPolicy: {enabled: true}}}\n"},
	{"vcluster-0.36.1", "  values: {sync: {toHost: {ingresses: {enabled: true}, persistentVolumeClaims: {enabled: false}}}}\n"},
	{"vcluster-0.36.1", "  values: {rbac: {role: {extraRules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]}}}\n"},
	{"vcluster-0.36.1", "  values: {rbac: {role: {enabled: false}}}\n"},
	{"vcluster-0.36.1", "  values: {logging: {encoding: json}}\n"},
	{"vcluster-0.36.1", "  values: {telemetry: {enabled: false}}\n"},
	{"vcluster-0.30.0", "  serviceCIDR: 10.55.0.0/16\n"},
	{"vcluster-0.30.0", "  server: https://y.example.com\n"},
	{"vcluster-0.24.1", "  values: {controlPlane: {distro: {k3s: {enabled: true}}}}\n"},
	{"vcluster-0.24.1", "  values: {controlPlane: {distro: {k0s: {enabled: true}}}}\n"},
	{"vcluster-0.20.4", "  values: {controlPlane: {statefulSet: {labels: {a: b}}}}\n"},
	{"vcluster-0.20.4", "  values: {controlPlane: {service: {spec: {type: NodePort}}}}\n"},
	{"vcluster-0.4.3", "  values: {storage: {size: 20Gi}}\n"},
	{"vcluster-0.4.3", "  values: {storage: {persistence: false}}\n"},
	{"vcluster-0.4.3", "  values: {replicas: 2}\n"},
	{"vcluster-0.4.3", "  values: {service: {type: NodePort}}\n"},
	{"vcluster-k8s-0.19.7", "  values: {syncer: {replicas: 2}}\n"},
	{"vcluster-k8s-0.19.7", "  values: {etcd: {replicas: 3}}\n"},
	{"vcluster-k0s-0.19.7", "  values: {vcluster: {env: [{name: A, value: b}]}}\n"},
}

// service returns the lines of a spec whose Service has more in its spec.
func service(spec string) string {
	return "  values: {controlPlane: {service: {spec: {" + spec + "}}}}\n"
}

// further are steps between two changed specs of 0.36.1.
var further = []struct{ from, to string }{
	{service("type: LoadBalancer"), service("type: LoadBalancer, loadBalancerClass: example.com/a")},
	{service("type: LoadBalancer, loadBalancerClass: example.com/a"), service("type: LoadBalancer, loadBalancerClass: example.com/b")},
	{service("type: LoadBalancer, loadBalancerClass: example.com/a"), service("type: LoadBalancer")},
	{service("type: LoadBalancer, loadBalancerClass: example.com/a"), service("type: ClusterIP")},
	{service("ipFamilyPolicy: SingleStack, ipFamilies: [IPv4]"), service("ipFamilyPolicy: SingleStack, ipFamilies: [IPv6]")},
	{service("ipFamilyPolicy: SingleStack, ipFamilies: [IPv4]"), ""},
}

// judged is what came of one step.
type judged struct{ predicted, refused []string }

// A real API server judges: for every ordered pair of the charts, and for a list of
// changed specs, the old objects are applied and then the new ones, as Argo CD does.
// It refuses what the plan says, and nothing else.
func TestThePlanIsWhatTheAPIServerSays(t *testing.T) {
	env := hostOf(t, newest)
	repo, options := newFleet(t, env)
	var charts []string
	for _, archive := range upstream.All(t) {
		base := filepath.Base(archive)
		repo.Copy(t, "charts/"+base, archive)
		charts = append(charts, strings.TrimSuffix(base, ".tgz"))
	}
	built := func(chart, lines string) []*unstructured.Unstructured {
		if !strings.Contains(lines, "  server:") {
			lines += "  server: https://x.example.com\n"
		}
		repo.Cluster(t, "x", "  chart: {path: charts/"+chart+".tgz}\n"+lines)
		r, err := pipelines.Build(t.Context(), options)
		fleettest.MustPass(t, r, err)
		return slices.DeleteFunc(generatedOf(t, repo, "x"), func(o *unstructured.Unstructured) bool { return o.GetKind() == "Application" })
	}
	trees := map[string][]*unstructured.Unstructured{}
	for _, chart := range charts {
		trees[chart] = built(chart, "")
	}
	all := map[string]judged{}
	for i, from := range charts {
		for j, to := range charts {
			if i != j {
				all[from+" to "+to] = judge(t, env, fmt.Sprintf("plan-%d-%d", i, j), trees[from], trees[to])
			}
		}
	}
	for i, step := range steps {
		all[step.chart+":"+strings.TrimSpace(step.lines)] = judge(t, env, fmt.Sprintf("step-%d", i), trees[step.chart], built(step.chart, step.lines))
	}
	for i, step := range further {
		const chart = "vcluster-0.36.1"
		all[strings.TrimSpace(step.from)+" to "+strings.TrimSpace(step.to)] = judge(t, env, fmt.Sprintf("further-%d", i), built(chart, step.from), built(chart, step.to))
	}
	var right, missed, wrong, refusals int
	for name, got := range all {
		for _, field := range got.refused {
			refusals++
			if slices.Contains(got.predicted, field) {
				right++
			} else {
				missed++
				t.Errorf("%s: the API server refuses %s, and the plan says nothing of it", name, field)
			}
		}
		for _, field := range got.predicted {
			if !slices.Contains(got.refused, field) {
				wrong++
				t.Errorf("%s: the plan says that %s is refused, and the API server takes it", name, field)
			}
		}
	}
	t.Logf("%d steps, %d refused objects: %d predicted, %d missed, %d predicted in vain", len(all), refusals, right, missed, wrong)
	if refusals < 20 {
		t.Error("the API server refuses too little for this to show anything")
	}
}

// judge applies one tree and then the other in a namespace of its own, and returns
// which objects the plan says are refused, and which are.
func judge(t *testing.T, env *environment, inNamespace string, before, after []*unstructured.Unstructured) judged {
	t.Helper()
	namespace(t, env.host, inNamespace)
	a := applierOf(t, env.host)
	moved := func(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
		var out []*unstructured.Unstructured
		for _, o := range objects {
			if o.GetKind() == "Namespace" {
				continue
			}
			c := o.DeepCopy()
			c.SetNamespace(inNamespace)
			out = append(out, c)
		}
		apply.Order(out)
		return out
	}
	for _, o := range moved(before) {
		if _, err := a.Object(t.Context(), o, inNamespace, false); err != nil {
			t.Fatalf("%s: %v", inNamespace, err)
		}
	}
	var got judged
	for _, o := range moved(after) {
		asIgnored(t, env, o)
		_, err := a.Object(t.Context(), o, inNamespace, false)
		switch {
		case apierrors.IsInvalid(err):
			got.refused = append(got.refused, o.GetKind()+" "+o.GetName())
		case err != nil:
			t.Fatalf("%s: %v", inNamespace, err)
		}
	}
	for _, c := range transition.Compare(sideOf(before), sideOf(after)) {
		if c.Effect != transition.RefusedByAPIServer {
			continue
		}
		object, _, _ := strings.Cut(c.Message, ":")
		if !slices.Contains(got.predicted, object) {
			got.predicted = append(got.predicted, object)
		}
	}
	return got
}

// asIgnored sets a StatefulSet's volume claim templates to those of the live one, as Argo
// CD does where an Application ignores that field and says
// RespectIgnoreDifferences.
func asIgnored(t *testing.T, env *environment, o *unstructured.Unstructured) {
	t.Helper()
	if o.GetKind() != "StatefulSet" {
		return
	}
	client, err := applierOf(t, env.host).Resource(o.GroupVersionKind(), o.GetNamespace())
	must(t, err)
	live, err := client.Get(t.Context(), o.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return
	}
	must(t, err)
	const field = "volumeClaimTemplates"
	if templates, there, _ := unstructured.NestedSlice(live.Object, "spec", field); there {
		must(t, unstructured.SetNestedSlice(o.Object, templates, "spec", field))
	} else {
		unstructured.RemoveNestedField(o.Object, "spec", field)
	}
}

func sideOf(objects []*unstructured.Unstructured) transition.Side {
	s := transition.Side{Namespace: "x"}
	for _, o := range objects {
		s.Objects = append(s.Objects, o.Object)
	}
	return s
}

// vcluster's own configuration judges which changes of store and distro it starts
// with.
func TestVClusterStartsAfterWhatThePlanSays(t *testing.T) {
	stores := []string{"embedded-database", "external-database", "embedded-etcd", "deployed-etcd", "external-etcd"}
	distros := []string{"k3s", "k8s", "k0s", "eks"}
	for _, minor := range []string{"0.25", "0.30"} {
		part := build.VClusterChanges(minor)
		binary, err := part.Binary(t.Context(), os.Stderr)
		must(t, err)
		version, err := part.Version()
		must(t, err)
		out, err := exec.CommandContext(t.Context(), binary).Output()
		must(t, err)
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		for what, names := range map[string][]string{"store": stores, "distro": distros} {
			starts := map[string]func(from, to, version string) bool{"store": transition.StoreChangeStarts, "distro": transition.DistroChangeStarts}[what]
			for _, from := range names {
				for _, to := range names {
					if want := slices.Contains(lines, what+" "+from+" "+to); starts(from, to, version) != want {
						t.Errorf("%s: %s from %s to %s starts: %t, want %t", version, what, from, to, !want, want)
					}
				}
			}
		}
	}
}
