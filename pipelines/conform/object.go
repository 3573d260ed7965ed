package conform

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
	"kasou/pipelines/toolchain"
)

// object is one Kubernetes object of a file, with what its checks need.
type object struct {
	document manifest.Document
	// positions are of the YAML document that the object stands in, and prefix
	// leads to it there: items and an index, for an item of a List.
	positions *position.Document
	prefix    []string
	// head is read instead where there are no positions.
	head manifest.Head
}

// at gives line and column of a field of the object.
func (o object) at(path ...string) (line, column int) {
	return o.positions.KeyAt(append(append([]string{}, o.prefix...), path...)...)
}

// text gives a field's value where it is a scalar.
func (o object) text(path ...string) string {
	if o.positions == nil {
		return o.glanced(path[len(path)-1])
	}
	value, _ := o.positions.Scalar(append(append([]string{}, o.prefix...), path...)...)
	return value
}

// glanced gives a field of the head.
func (o object) glanced(name string) string {
	switch name {
	case "apiVersion":
		return o.head.APIVersion
	case "kind":
		return o.head.Kind
	case "namespace":
		return o.head.Namespace
	case "name":
		return o.head.Name
	}
	return ""
}

// agrees says whether the validator, which parses all of it, finds the object
// that was read at a glance, and nothing wrong with it.
func (o object) agrees(result toolchain.Validation) bool {
	return result.Status == toolchain.Valid && result.Kind == o.head.Kind && result.APIVersion == o.head.APIVersion
}

func (o object) apiVersion() string { return o.text("apiVersion") }
func (o object) kind() string       { return o.text("kind") }

// title names the object in messages.
func (o object) title() string {
	name := o.text("metadata", "name")
	if name == "" {
		return o.kind()
	}
	return o.kind() + " " + name
}

// identity is the same for two objects that are one to the API server.
func (o object) identity(defaultNamespace string) (string, bool) {
	name, namespace := o.text("metadata", "name"), o.text("metadata", "namespace")
	if name == "" {
		return "", false
	}
	if namespace == "" {
		namespace = defaultNamespace
	}
	group, _, found := strings.Cut(o.apiVersion(), "/")
	if !found {
		group = ""
	}
	return strings.Join([]string{group, o.kind(), namespace, name}, "\x00"), true
}

var (
	kindName       = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)
	apiVersionName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/)?[a-z0-9]+$`)
)

// malformed says why a document can be no Kubernetes object, with the field at
// fault. Schemas are found by apiVersion and kind, so neither may hold a path.
func (o object) malformed() (path []string, message string) {
	switch {
	case !o.positions.Has(append(append([]string{}, o.prefix...), "apiVersion")...):
		return nil, "no apiVersion"
	case !o.positions.Has(append(append([]string{}, o.prefix...), "kind")...):
		return nil, "no kind"
	case !apiVersionName.MatchString(o.apiVersion()):
		return []string{"apiVersion"}, "apiVersion is no group and version, such as apps/v1"
	case !kindName.MatchString(o.kind()):
		return []string{"kind"}, "kind is no name of a kind, such as Deployment"
	}
	return nil, ""
}

// items gives the objects of a List; anything else is the only one itself.
func (o object) items() ([]object, error) {
	empty := o.kind() == "List" && o.positions.Has("items") && !o.positions.Has("items", "0")
	if empty {
		return nil, nil
	}
	if !strings.HasSuffix(o.kind(), "List") || !o.positions.Has("items", "0") {
		return []object{o}, nil
	}
	var list struct {
		Items []any `json:"items"`
	}
	if err := yaml.Unmarshal(o.document.Data, &list); err != nil {
		return nil, fmt.Errorf("read the items: %w", err)
	}
	objects := make([]object, 0, len(list.Items))
	for i, item := range list.Items {
		data, err := yaml.Marshal(item)
		if err != nil {
			return nil, fmt.Errorf("write item %d: %w", i, err)
		}
		prefix := []string{"items", strconv.Itoa(i)}
		line, _ := o.positions.At(prefix...)
		document := manifest.Document{File: o.document.File, Line: line, Data: data}
		objects = append(objects, object{document: document, positions: o.positions, prefix: prefix})
	}
	return objects, nil
}
