package transition

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

func (o Object) kind() string { text, _ := o["kind"].(string); return text }
func (o Object) name() string { return manifest.Text(o, "metadata", "name") }

// isWorkload reports whether the charts' kinds of control planes are meant.
func (o Object) isWorkload() bool { return o.kind() == "StatefulSet" || o.kind() == "Deployment" }

// key tells objects of a cluster apart: group, kind, namespace and name.
func (o Object) key(namespace string) string {
	version, _ := o["apiVersion"].(string)
	group, _, grouped := strings.Cut(version, "/")
	if !grouped {
		group = ""
	}
	own := manifest.Text(o, "metadata", "namespace")
	return strings.Join([]string{group, o.kind(), cmp.Or(own, namespace), o.name()}, "/")
}

// String returns KIND NAME.
func (o Object) String() string { return o.kind() + " " + o.name() }

// objectChanges compares the objects one by one.
func objectChanges(before, after Side) []Change {
	old := map[string]Object{}
	for _, o := range before.Objects {
		old[o.key(before.Namespace)] = o
	}
	var all []Change
	var left, applied []string
	for _, o := range after.Objects {
		key := o.key(after.Namespace)
		was, there := old[key]
		delete(old, key)
		switch {
		case !there:
			applied = append(applied, o.String())
		case !reflect.DeepEqual(was, o):
			changes := objectChange(was, o)
			if len(changes) == 0 {
				applied = append(applied, o.String())
			}
			all = append(all, changes...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(old)) {
		c, runs := stillRuns(old[key], before, after)
		if runs {
			all = append(all, c)
		}
		if !runs || c.Refused() {
			left = append(left, old[key].String())
		}
	}
	if len(left) > 0 {
		all = append(all, Change{Effect: Left, About: ByAny,
			Message: "no longer rendered, and left on the host until somebody deletes them: " + finding.Few(left, 3),
			Hint:    "Delete them once the new ones work, " + byOrphan + "."})
	}
	if len(applied) > 0 {
		slices.Sort(applied)
		all = append(all, Change{Effect: Applied, About: ByAny, Message: "applied: " + finding.Few(applied, 3)})
	}
	return all
}

// byOrphan is how an object of a vcluster is deleted. What it synced has an owner: its
// StatefulSet in 0.4 (--owning-statefulset), and from 0.5 on its Service (findOwner in
// cmd/vcluster, later config.SetGlobalOwner). Kubernetes deletes all that with the owner.
const byOrphan = "with --cascade=orphan, or what the vcluster synced goes with the one that owns it"

// stillRuns returns what an object does that is no longer rendered and works on, as
// nothing is pruned; false where it does nothing by itself.
func stillRuns(gone Object, before, after Side) (Change, bool) {
	switch gone.kind() {
	case "StatefulSet", "Deployment":
		if c, beside := runsOn(gone, before, after); beside {
			return c, true
		}
		if isControlPlane(gone, before.Name) {
			return Change{
				Effect: Empty, Name: "workload", From: gone.String(), To: "none", About: ByAny,
				Message: fmt.Sprintf("%s, which is the cluster, is no longer rendered: it stays on the host, and nobody watches it", gone),
				Hint:    "Have the chart render it under its name, which is the release's.",
			}, true
		}
		return Change{Effect: StillRuns, About: ByAny, Message: fmt.Sprintf("%s is no longer rendered, and its pods run on", gone),
			Hint: "Once nothing needs it, scale it to zero, and delete it " + byOrphan + "."}, true
	case "NetworkPolicy", "ResourceQuota", "LimitRange":
		return Change{Effect: StillRuns, About: ByAny, Message: fmt.Sprintf("%s is no longer rendered, and holds as before", gone),
			Hint: "Delete it by hand."}, true
	}
	return Change{}, false
}

// runsOn returns the refusal of a control plane that another kind of workload takes
// the place of: nothing is pruned, so that both would run on one namespace.
func runsOn(gone Object, before, after Side) (Change, bool) {
	other := map[string]string{"StatefulSet": "Deployment", "Deployment": "StatefulSet"}[gone.kind()]
	for _, o := range after.Objects {
		if o.kind() != other || o.name() != gone.name() {
			continue
		}
		c := Change{
			Effect: RefusedByVCluster, Name: "workload", From: gone.kind(), To: other, About: ByAny,
			Message: fmt.Sprintf("%s takes the place of %s, which is not pruned: two control planes run side by side", o, gone),
			Hint:    "Before the sync scale " + gone.String() + " to zero, and delete it " + byOrphan + ".",
		}
		if gone.name() == before.Name && Store(before) == embeddedDatabase && Store(after) == embeddedDatabase {
			c.Effect = Lost
			c.Message += ", and the new one starts without the database of the one before"
		}
		return c, true
	}
	return Change{}, false
}

// isControlPlane reports whether an object runs a cluster's control plane: in every
// vcluster chart it is named like the release.
func isControlPlane(o Object, release string) bool { return o.isWorkload() && o.name() == release }

// objectChange returns what the change of one object does; none where it is simply
// applied.
func objectChange(was, now Object) []Change {
	var all []Change
	for _, rule := range immutable[was.kind()] {
		if c, refused := rule.refuses(was, now); refused {
			all = append(all, c)
		}
	}
	if was.isWorkload() {
		all = append(all, podChanges(was, now)...)
	}
	if was.kind() == "StatefulSet" {
		all = append(all, claimChanges(was, now)...)
		old, wanted := manifest.At(was, "spec", "volumeClaimTemplates"), manifest.At(now, "spec", "volumeClaimTemplates")
		if path := firstDifference(old, wanted, "spec.volumeClaimTemplates"); path != "" {
			all = append(all, Change{Effect: Ignored, About: ByValues,
				Message: fmt.Sprintf("%s of %s changes, and does not reach the host: the field is immutable, and the Application ignores it", path, now),
				Hint:    volumeHint(old, wanted)})
		}
	}
	return all
}

// volumeHint says how a StatefulSet gets other volumes.
func volumeHint(was, now any) string {
	if !empty(was) && empty(now) {
		return "Leave them: made anew, the StatefulSet starts without the data on them."
	}
	return "Grow the volume claims by hand, then delete the StatefulSet with --cascade=orphan and let Argo CD make it anew."
}

// fixed is a field that the API server does not let change.
type fixed struct {
	path []string
	// unset is what the API server takes for a field that is not there.
	unset any
	// kept: where the field is taken away, the API server keeps what it was.
	kept bool
	// first: of a list, the first element alone is fixed.
	first bool
	// when is another field: as long as that stays, this one is fixed.
	when []string
}

// immutable are the fields that updates of the kinds which charts render must leave
// alone (pkg/apis/*/validation of Kubernetes 1.34: ValidateStatefulSetUpdate,
// ValidateDeploymentUpdate, ValidateServiceUpdate, ValidateRoleBindingUpdate and so
// on). A StatefulSet's volumeClaimTemplates are not among them: the Application
// ignores them.
var immutable = map[string][]fixed{
	"StatefulSet": {
		{path: []string{"spec", "podManagementPolicy"}, unset: "OrderedReady"},
		{path: []string{"spec", "serviceName"}, unset: ""},
		{path: []string{"spec", "selector"}},
	},
	"Deployment": {{path: []string{"spec", "selector"}}},
	"DaemonSet":  {{path: []string{"spec", "selector"}}},
	"ReplicaSet": {{path: []string{"spec", "selector"}}},
	"Job":        {{path: []string{"spec", "template"}}, {path: []string{"spec", "selector"}}, {path: []string{"spec", "completionMode"}, unset: "NonIndexed"}},
	"Service": {
		{path: []string{"spec", "clusterIP"}, kept: true}, {path: []string{"spec", "ipFamilies"}, kept: true, first: true},
		{path: []string{"spec", "loadBalancerClass"}, when: []string{"spec", "type"}},
	},
	"RoleBinding":        {{path: []string{"roleRef"}}},
	"ClusterRoleBinding": {{path: []string{"roleRef"}}},
	"PersistentVolumeClaim": {
		{path: []string{"spec", "storageClassName"}, kept: true}, {path: []string{"spec", "accessModes"}}, {path: []string{"spec", "volumeName"}, kept: true},
		{path: []string{"spec", "volumeMode"}, unset: "Filesystem"}, {path: []string{"spec", "selector"}},
	},
	"PriorityClass": {{path: []string{"value"}}, {path: []string{"preemptionPolicy"}, unset: "PreemptLowerPriority"}},
	"StorageClass": {
		{path: []string{"provisioner"}}, {path: []string{"parameters"}}, {path: []string{"reclaimPolicy"}, unset: "Delete"},
		{path: []string{"volumeBindingMode"}, unset: "Immediate"},
	},
	"IngressClass": {{path: []string{"spec", "controller"}}},
	"Secret":       {{path: []string{"type"}, unset: "Opaque"}},
}

// refuses returns the refusal where the field changes. A ConfigMap or Secret that
// says immutable is left to the API server.
func (f fixed) refuses(was, now Object) (Change, bool) {
	from, to := manifest.At(was, f.path...), manifest.At(now, f.path...)
	if f.when != nil && !reflect.DeepEqual(manifest.At(was, f.when...), manifest.At(now, f.when...)) {
		return Change{}, false
	}
	if f.first {
		if from == nil {
			return Change{}, false // the host's own default, which no file has
		}
		from, to = firstOf(from), firstOf(to)
	}
	if from == nil {
		from = f.unset
	}
	if to == nil {
		to = f.unset
	}
	if reflect.DeepEqual(from, to) || f.kept && to == nil {
		return Change{}, false
	}
	field := strings.Join(f.path, ".")
	return Change{
		Effect: RefusedByAPIServer, Name: was.kind() + " " + field, From: short(from), To: short(to), About: ByAny,
		Message: fmt.Sprintf("%s: %s is immutable, and would change from %s to %s: the API server refuses the update, and the sync fails half-way", now, field, short(from), short(to)),
		Hint:    "Before the sync delete the object " + byOrphan + ", and say so in spec.accept.",
	}, true
}

func firstOf(value any) any {
	if list, ok := value.([]any); ok && len(list) > 0 {
		return list[0]
	}
	return nil
}

// short returns a value as one line of JSON; a text as itself.
func short(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
}

// firstDifference returns the path of the first field that differs, in the order of
// the names; empty where none does. Elements of lists go by their name, where they
// have one.
func firstDifference(a, b any, path string) string {
	switch left := a.(type) {
	case map[string]any:
		right, ok := b.(map[string]any)
		if !ok {
			return path
		}
		return firstOfMaps(left, right, path)
	case []any:
		right, ok := b.([]any)
		if !ok || len(left) != len(right) {
			return path
		}
		for i := range left {
			if found := firstDifference(left[i], right[i], path+elementName(left[i], i)); found != "" {
				return found
			}
		}
		return ""
	}
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return path
}

// FirstDifference returns the path of the first field that differs between two
// values, by the names of the maps; none where they are equal. It ends above a list.
func FirstDifference(a, b any) []string {
	left, isMap := a.(map[string]any)
	right, both := b.(map[string]any)
	if !isMap || !both {
		return nil
	}
	keys := maps.Clone(left)
	maps.Copy(keys, right)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !reflect.DeepEqual(left[key], right[key]) {
			return append([]string{key}, FirstDifference(left[key], right[key])...)
		}
	}
	return nil
}

func firstOfMaps(left, right map[string]any, path string) string {
	keys := maps.Clone(left)
	maps.Copy(keys, right)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if found := firstDifference(left[key], right[key], path+"."+key); found != "" {
			return found
		}
	}
	return ""
}

func elementName(element any, i int) string {
	if m, ok := element.(map[string]any); ok {
		if name, ok := m["name"].(string); ok {
			return "[" + name + "]"
		}
	}
	return fmt.Sprintf("[%d]", i)
}
