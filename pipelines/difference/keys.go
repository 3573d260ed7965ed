package difference

import (
	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// kinds are those whose lists Kubernetes merges by key, by apiVersion and kind: what has
// a pod in it, and Services.
var kinds = map[string]any{
	"v1 Pod": corev1.Pod{}, "v1 Service": corev1.Service{}, "v1 ServiceAccount": corev1.ServiceAccount{},
	"v1 PodTemplate": corev1.PodTemplate{}, "v1 ReplicationController": corev1.ReplicationController{},
	"apps/v1 Deployment": appsv1.Deployment{}, "apps/v1 StatefulSet": appsv1.StatefulSet{},
	"apps/v1 DaemonSet": appsv1.DaemonSet{}, "apps/v1 ReplicaSet": appsv1.ReplicaSet{},
	"batch/v1 Job": batchv1.Job{}, "batch/v1 CronJob": batchv1.CronJob{},
}

// mergeKeys know by which key the items of a list are one and the same, as a strategic
// merge patch of Kubernetes does. The zero value knows none.
type mergeKeys struct {
	schema strategicpatch.LookupPatchMeta
}

// keysOf returns the merge keys of an object's kind.
func keysOf(object *yaml.Node) mergeKeys {
	example, known := kinds[scalarAt(object, "apiVersion")+" "+scalarAt(object, "kind")]
	if !known {
		return mergeKeys{}
	}
	schema, err := strategicpatch.NewPatchMetaFromStruct(example)
	if err != nil {
		return mergeKeys{} // it is not a struct; all of kinds are
	}
	return mergeKeys{schema}
}

// below returns the keys of what a field holds.
func (k mergeKeys) below(field string) mergeKeys {
	if k.schema == nil {
		return k
	}
	schema, _, err := k.schema.LookupPatchMetadataForStruct(field)
	if err != nil {
		return mergeKeys{} // a field that the kind does not have
	}
	return mergeKeys{schema}
}

// item returns the keys of an item of the list that a field holds.
func (k mergeKeys) item(field string) mergeKeys {
	if k.schema == nil || field == "" {
		return mergeKeys{}
	}
	schema, _, err := k.schema.LookupPatchMetadataForSlice(field)
	if err != nil {
		return mergeKeys{}
	}
	return mergeKeys{schema}
}

// mergeKey returns by what the items of a field's list are told apart; "" where nothing
// says so.
func (k mergeKeys) mergeKey(field string) string {
	if k.schema == nil || field == "" {
		return ""
	}
	_, meta, err := k.schema.LookupPatchMetadataForSlice(field)
	if err != nil {
		return ""
	}
	return meta.GetPatchMergeKey()
}

// kindAndName returns an object's kind and name; "" for anything else.
func kindAndName(object *yaml.Node) string {
	kind, name := scalarAt(object, "kind"), scalarAt(at(object, "metadata"), "name")
	if kind == "" || name == "" {
		return ""
	}
	return kind + " " + name
}

// identity returns an object's kind, name and namespace; "" for anything else.
func identity(object *yaml.Node) string {
	names := kindAndName(object)
	if namespace := scalarAt(at(object, "metadata"), "namespace"); names != "" && namespace != "" {
		return names + " in " + namespace
	}
	return names
}

// scalarAt returns the scalar that a mapping has at a key; "" where there is none.
func scalarAt(n *yaml.Node, key string) string {
	if v := at(n, key); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

// at returns what a mapping has at the keys, one below the other; nil where there is
// none.
func at(n *yaml.Node, keys ...string) *yaml.Node {
	n = resolved(n)
	for _, key := range keys {
		if n == nil || n.Kind != yaml.MappingNode || key == "" {
			return nil
		}
		i := 0
		for i+1 < len(n.Content) && n.Content[i].Value != key {
			i += 2
		}
		if i+1 >= len(n.Content) {
			return nil
		}
		n = resolved(n.Content[i+1])
	}
	return n
}
