package vcluster_test

import (
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/upstream"
	"kasou/pipelines/vcluster"
)

const ownChart = "../../charts/vcluster"

// choices are values that both charts of 0.4.3 take.
func choices(t *testing.T) map[string]map[string]any {
	t.Helper()
	planned, found := vcluster.Plan(fullCluster(), chartOf("vcluster-0.4.3"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	return map[string]map[string]any{
		"defaults": {},
		"planned":  planned.Values,
		"everything else": {
			"vcluster": map[string]any{
				"image": "registry.example.com/k3s:1", "extraArgs": []any{"--service-cidr=10.1.0.0/16", "--v=2"},
				"env": []any{map[string]any{"name": "A", "value": "b"}}, "resources": map[string]any{"limits": map[string]any{"memory": "1Gi"}},
			},
			"syncer": map[string]any{
				"image": "registry.example.com/syncer:1", "extraArgs": []any{"--tls-san=a.example.com"},
				"livenessProbe": map[string]any{"enabled": false}, "readinessProbe": map[string]any{"enabled": false},
			},
			"storage":        map[string]any{"size": "20Gi", "className": "fast"},
			"serviceAccount": map[string]any{"imagePullSecrets": []any{map[string]any{"name": "pull"}}},
			"rbac":           map[string]any{"clusterRole": map[string]any{"create": true}},
			"replicas":       2,
			"nodeSelector":   map[string]any{"disk": "ssd"},
			"affinity":       map[string]any{"nodeAffinity": map[string]any{}},
			"tolerations":    []any{map[string]any{"key": "k", "operator": "Exists"}},
			"labels":         map[string]any{"team": "a"},
			"annotations":    map[string]any{"note": "b"},
			"service":        map[string]any{"type": "NodePort"},
			"ingress":        map[string]any{"enabled": true, "host": "b.example.com", "pathType": "Prefix"},
		},
		"no storage and no rights": {
			"storage":        map[string]any{"persistence": false},
			"serviceAccount": map[string]any{"create": false, "name": "someone"},
			"rbac":           map[string]any{"role": map[string]any{"create": false}},
		},
	}
}

// TestOwnChart: with the same values, charts/vcluster and the upstream chart of
// 0.4.3 make the same objects, but for what normal evens out.
func TestOwnChart(t *testing.T) {
	file := upstream.Chart(t, "vcluster-0.4.3")
	for name, values := range choices(t) {
		t.Run(name, func(t *testing.T) {
			want := normal(render(t, file, "dev", values))
			got := normal(render(t, ownChart, "dev", values))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-upstream +own:\n%s", diff)
			}
		})
	}
}

// normal returns objects by kind and name, with the intended differences between
// the two charts evened out. They are all here:.
func normal(objects []object) map[string]any {
	byName := map[string]any{}
	for _, o := range objects {
		metadata := o["metadata"].(map[string]any)
		if o["kind"] == "Ingress" {
			delete(metadata, "labels") // upstream's has none
		}
		evenLabels(metadata)
		if pod, ok := dig(o, "spec", "template", "metadata").(map[string]any); ok {
			evenLabels(pod)
		}
		// The order of k3s's own arguments and of RBAC's sets means nothing.
		for _, c := range containers([]object{o}) {
			if args, ok := c["args"].([]any); ok {
				sortAny(args)
			}
		}
		sortRules(o)
		// Empty optional fields are left out, never null.
		byName[o["kind"].(string)+"/"+metadata["name"].(string)] = prune(map[string]any(o))
	}
	return byName
}

// evenLabels takes out the labels that only one of the charts sets, and puts
// `app`, which is another on upstream's headless Service, right.
func evenLabels(metadata map[string]any) {
	labels, _ := metadata["labels"].(map[string]any)
	for key := range labels {
		if key == "chart" || key == "heritage" || key == "helm.sh/chart" || strings.HasPrefix(key, "app.kubernetes.io/") {
			delete(labels, key)
		}
	}
	if labels["app"] == "dev-vcluster" {
		labels["app"] = "vcluster"
	}
}

func sortAny(list []any) {
	sort.SliceStable(list, func(i, j int) bool { return list[i].(string) < list[j].(string) })
}

func sortRules(o object) {
	rules, _ := o["rules"].([]any)
	for _, r := range rules {
		for _, set := range []string{"resources", "verbs"} {
			sortAny(dig(r, set).([]any))
		}
	}
	slices.SortFunc(rules, func(a, b any) int {
		return strings.Compare(dig(a, "resources").([]any)[0].(string), dig(b, "resources").([]any)[0].(string))
	})
}

// prune takes out nulls, and maps and lists with nothing in them, but for the
// emptyDir of a volume.
func prune(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if v[key] = prune(inner); v[key] == nil && key != "emptyDir" {
				delete(v, key)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	}
	return value
}

// TestOwnChartClass: ours leaves the class annotation out where there is a class name.
func TestOwnChartClass(t *testing.T) {
	ingress := one(t, render(t, ownChart, "dev", map[string]any{
		"ingress": map[string]any{"enabled": true, "ingressClassName": "nginx-public"},
	}), "Ingress", "dev")
	annotations, _ := dig(ingress, "metadata", "annotations").(map[string]any)
	if _, both := annotations["kubernetes.io/ingress.class"]; both || len(annotations) != 3 {
		t.Errorf("annotations: %v", annotations)
	}
}

// TestOwnChartSelectors: every selector finds the pods, and rests on nothing
// that a new chart version would change.
func TestOwnChartSelectors(t *testing.T) {
	objects := render(t, ownChart, "on", map[string]any{})
	set := one(t, objects, "StatefulSet", "on")
	want := map[string]any{"app": "vcluster", "release": "on"}
	labels := dig(set, "spec", "template", "metadata", "labels").(map[string]any)
	for key, value := range want {
		if labels[key] != value {
			t.Errorf("pod label %s: %v", key, labels[key])
		}
	}
	for what, got := range map[string]any{
		"StatefulSet":      dig(set, "spec", "selector", "matchLabels"),
		"Service":          dig(one(t, objects, "Service", "on"), "spec", "selector"),
		"headless Service": dig(one(t, objects, "Service", "on-headless"), "spec", "selector"),
	} {
		if diff := cmp.Diff(any(want), got); diff != "" {
			t.Errorf("%s selects (-want +got):\n%s", what, diff)
		}
	}
	for _, o := range objects {
		if dig(o, "metadata", "labels", "app.kubernetes.io/name") != "vcluster" {
			t.Errorf("%s %s lacks the standard labels", o["kind"], filepath.Base(ownChart))
		}
		if hasNull(map[string]any(o)) {
			t.Errorf("%s has a null: %v", o["kind"], o)
		}
	}
}

func hasNull(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case map[string]any:
		for _, inner := range v {
			if hasNull(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasNull)
	}
	return false
}

// TestOwnChartVolumes: extra volumes stand beside the emptyDir, not in its
// place as upstream.
func TestOwnChartVolumes(t *testing.T) {
	set := one(t, render(t, ownChart, "dev", map[string]any{
		"storage": map[string]any{"persistence": false},
		"volumes": []any{map[string]any{"name": "more", "emptyDir": map[string]any{}}},
	}), "StatefulSet", "dev")
	volumes, _ := dig(set, "spec", "template", "spec", "volumes").([]any)
	if len(volumes) != 2 || dig(volumes[0], "name") != "data" || dig(volumes[1], "name") != "more" {
		t.Errorf("volumes: %v", volumes)
	}
}

// TestOwnChartAccount: the pod runs as the account that the chart makes; upstream
// makes vc-NAME and names the other.
func TestOwnChartAccount(t *testing.T) {
	objects := render(t, ownChart, "dev", map[string]any{"serviceAccount": map[string]any{"name": "someone"}})
	one(t, objects, "ServiceAccount", "someone")
	if name := dig(one(t, objects, "StatefulSet", "dev"), "spec", "template", "spec", "serviceAccountName"); name != "someone" {
		t.Errorf("the pod runs as %v", name)
	}
}

// TestOwnChartSchema: a value that would do nothing is refused.
func TestOwnChartSchema(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"unknown key":      {"syncer": map[string]any{"noArgs": true}},
		"unknown root key": {"serviceCIDR": "10.0.0.0/16"},
		"wrong type":       {"replicas": "many"},
		"no ingress host":  {"ingress": map[string]any{"enabled": true, "host": ""}},
	} {
		if out, err := tryRender(t, ownChart, "dev", values); err == nil {
			t.Errorf("%s is taken:\n%s", name, out)
		}
	}
}
