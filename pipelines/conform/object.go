package conform

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
)

// object is one Kubernetes object of a file, with what its checks need.
type object struct {
	manifest.Document
	// in is the YAML document that the object stands in, and prefix leads to it
	// there: items and an index, for an item of a List.
	in     *manifest.Document
	prefix []string
}

// at returns line and column of a field of the object. Most objects are valid, and
// then nobody asks: positions take a parse of their own.
func (o object) at(path ...string) (line, column int) {
	positions, err := position.Parse(o.in.Bytes, o.in.Line-1)
	if err != nil {
		return o.Line, 1
	}
	return positions.KeyAt(append(append([]string{}, o.prefix...), path...)...)
}

// metadata returns a field of the object's metadata, of whatever type.
func (o object) metadata(field string) any {
	metadata, _ := o.Object["metadata"].(map[string]any)
	return metadata[field]
}

// hook reports whether Argo CD takes the object for a hook, Helm's among them.
func (o object) hook() bool {
	annotations, _ := o.metadata("annotations").(map[string]any)
	return annotations["argocd.argoproj.io/hook"] != nil || annotations["helm.sh/hook"] != nil
}

// title names the object in messages.
func (o object) title() string {
	if name := o.metadata("name"); name != nil && name != "" {
		return fmt.Sprint(o.Head.Kind, " ", name)
	}
	return o.Head.Kind
}

// identity is the same for two objects that are one to the API server.
func (o object) identity(defaultNamespace string) (string, bool) {
	h := o.Head
	if h.Name == "" {
		return "", false
	}
	if h.Namespace == "" {
		h.Namespace = defaultNamespace
	}
	group, _, found := strings.Cut(h.APIVersion, "/")
	if !found {
		group = ""
	}
	return strings.Join([]string{group, h.Kind, h.Namespace, h.Name}, "\x00"), true
}

var (
	kindName       = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)
	apiVersionName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/)?[a-z0-9]+$`)
)

// malformed says why a document can be no Kubernetes object, with the field at
// fault. Schemas are found by apiVersion and kind, so neither may hold a path.
func (o object) malformed() (path []string, message string) {
	switch {
	case o.Object["apiVersion"] == nil:
		return nil, "no apiVersion"
	case o.Object["kind"] == nil:
		return nil, "no kind"
	case !apiVersionName.MatchString(o.Head.APIVersion):
		return []string{"apiVersion"}, "apiVersion is not a group and version, such as apps/v1"
	case !kindName.MatchString(o.Head.Kind):
		return []string{"kind"}, "kind is not a name of a kind, such as Deployment"
	}
	return nil, ""
}

// objects returns the objects of a List; anything else is the only one itself.
func objects(d *manifest.Document) ([]object, error) {
	items, given := d.Object["items"]
	if d.Head.Kind == "List" && given && items == nil {
		return nil, nil
	}
	list, isList := items.([]any)
	if !isList || len(list) == 0 && d.Head.Kind != "List" || !strings.HasSuffix(d.Head.Kind, "List") {
		o := object{Document: *d, in: d}
		if d.Plain != nil {
			o.Bytes = d.Plain // kubeconform reads strictly
		}
		return []object{o}, nil
	}
	all := make([]object, 0, len(list))
	for i, item := range list {
		data, err := yaml.Marshal(item)
		if err != nil {
			return nil, fmt.Errorf("write item %d: %w", i, err)
		}
		o := object{in: d, prefix: []string{"items", strconv.Itoa(i)}}
		line, _ := o.at()
		o.Document = manifest.NewDocument(d.Role, d.File, line, data)
		all = append(all, o)
	}
	return all, nil
}
