package live

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// Added is a field that somebody else than Argo CD has added to an object, with
// all that is below the field.
type Added struct {
	// Path of the field, such as spec.template.spec.initContainers[name="probe"].
	// No value of the object is in it, but for the keys of list elements.
	Path string
	// Manager that owns the field, and the time of its last change; zero where
	// the host does not know it.
	Manager string
	At      time.Time
	path    fieldpath.Path
	// pointer leads to the field in the host's object, which has the value there.
	pointer []string
	value   any
}

// Managed returns what the managed fields of the host's object say that a
// comparison of values does not show. predicted is the object after a dry run
// of Argo CD's apply: its managed fields name what git has.
//
// added are the fields that others own and git does not have, in the order of
// their paths. stale are the paths of what Argo CD itself applied, git no longer
// has, and a sync would leave: another manager owns it, too, or the sync that
// applied it merged on the client.
func Managed(want, live, predicted *unstructured.Unstructured) (added []Added, stale []string, err error) {
	git, err := appliedBy(predicted)
	if err != nil {
		return nil, nil, err
	}
	known := prefixes(git)
	old := fieldpath.NewSet()
	for _, entry := range live.GetManagedFields() {
		set, err := fieldsOf(entry)
		if err != nil {
			return nil, nil, fmt.Errorf("%s %s: %w", live.GetKind(), live.GetName(), err)
		}
		switch {
		case entry.Subresource == "status":
		case slices.Contains(argoCD, entry.Manager):
			// An update is of a sync by the client, or of an admission webhook
			// during a sync: the server's defaults are in it, too.
			if entry.Operation == metav1.ManagedFieldsOperationApply {
				old = old.Union(set)
			}
		default:
			added = append(added, addedBy(want, live, entry, set, known)...)
		}
	}
	for _, path := range folded(old, known) {
		if _, _, there := pointer(predicted, path); there && compares(want, path) {
			stale = append(stale, pathName(path))
		}
	}
	stale = append(stale, lastAppliedOnly(want, live, predicted)...)
	slices.Sort(stale)
	sortAdded(added)
	return added, slices.Compact(stale), nil
}

func sortAdded(all []Added) {
	slices.SortFunc(all, func(a, b Added) int {
		return cmp.Or(a.path.Compare(b.path), cmp.Compare(a.Manager, b.Manager))
	})
}

// appliedBy returns the fields that Argo CD's apply owns.
func appliedBy(o *unstructured.Unstructured) (*fieldpath.Set, error) {
	all := fieldpath.NewSet()
	found := false
	for _, entry := range o.GetManagedFields() {
		if entry.Manager != argoCD[0] || entry.Operation != metav1.ManagedFieldsOperationApply {
			continue
		}
		set, err := fieldsOf(entry)
		if err != nil {
			return nil, err
		}
		all, found = all.Union(set), true
	}
	if !found {
		return nil, fmt.Errorf("the host does not tell who owns which fields of %s %s", o.GetKind(), o.GetName())
	}
	return all, nil
}

func fieldsOf(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := fieldpath.NewSet()
	if entry.FieldsV1 == nil {
		return set, nil
	}
	if err := set.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
		return nil, fmt.Errorf("its managed fields cannot be read, those of %s", entry.Manager)
	}
	return set, nil
}

// prefixes returns every path of the set with all that lead there. Labels and
// annotations are always there: each is a field of its own.
func prefixes(set *fieldpath.Set) *fieldpath.Set {
	all := fieldpath.NewSet(fieldpath.MakePathOrDie("metadata"),
		fieldpath.MakePathOrDie("metadata", "labels"), fieldpath.MakePathOrDie("metadata", "annotations"))
	for path := range set.All() {
		for i := range path {
			all.Insert(path[:i+1].Copy())
		}
	}
	return all
}

// folded returns the paths of set that are not in known, each only as deep as
// it takes: of an added container its own path, not that of each field in it.
func folded(set, known *fieldpath.Set) []fieldpath.Path {
	tops := fieldpath.NewSet()
	var order []fieldpath.Path
	below := map[string][]fieldpath.Path{}
	for path := range set.All() {
		for i := range path {
			if top := path[:i+1]; !known.Has(top) {
				if !tops.Has(top) {
					tops.Insert(top.Copy())
					order = append(order, top.Copy())
				}
				below[top.String()] = append(below[top.String()], path.Copy())
				break
			}
		}
	}
	for i, top := range order {
		order[i] = narrowed(top, below[top.String()])
	}
	return order
}

// narrowed goes down from top while all paths go the same way, and stops at an
// element of a list: metadata.annotations of one annotation is that annotation.
func narrowed(top fieldpath.Path, paths []fieldpath.Path) fieldpath.Path {
	for top[len(top)-1].FieldName != nil {
		// The path of a map or list itself, which is there beside its contents.
		paths = slices.DeleteFunc(slices.Clone(paths), func(p fieldpath.Path) bool { return len(p) == len(top) })
		n := len(top)
		if len(paths) == 0 || slices.ContainsFunc(paths, func(p fieldpath.Path) bool { return !p[n].Equals(paths[0][n]) }) {
			return top
		}
		top = paths[0][:n+1]
	}
	return top
}

func addedBy(want, live *unstructured.Unstructured, entry metav1.ManagedFieldsEntry, set, known *fieldpath.Set) []Added {
	var all []Added
	for _, path := range folded(set, known) {
		tokens, value, there := pointer(live, path)
		if !there || !compares(want, path) || ownField(entry.Manager, path) {
			continue
		}
		a := Added{Path: pathName(path), Manager: entry.Manager, pointer: tokens, path: path, value: value}
		if entry.Time != nil {
			a.At = entry.Time.UTC()
		}
		all = append(all, a)
	}
	return all
}

// compares reports whether a field counts: status and most metadata are the
// server's, and Argo CD's own marks are not drift.
func compares(want *unstructured.Unstructured, path fieldpath.Path) bool {
	names := fieldNames(path)
	if len(names) == 0 {
		return false
	}
	switch names[0] {
	case "apiVersion", "kind", "status":
		return false
	case "operation": // Argo CD's record of a sync that runs
		return want.GetKind() != "Application"
	case "metadata":
		if len(names) < 3 || names[1] != "labels" && names[1] != "annotations" {
			return false
		}
		if names[1] == "annotations" {
			return !slices.Contains([]string{trackingAnnotation, installation, lastApplied, refresh, hydrate}, names[2])
		}
		return names[2] != namespaceName && !slices.Contains(labelKeys, names[2])
	}
	return true
}

// refresh and hydrate ask Argo CD to look at an Application again. namespaceName
// is the label that the server gives every Namespace.
const (
	refresh       = "argocd.argoproj.io/refresh"
	hydrate       = "argocd.argoproj.io/hydrate"
	namespaceName = "kubernetes.io/metadata.name"
)

// ownFields are what Kubernetes' own controllers write outside of status, by
// manager: prefixes of the names on the way to the field.
var ownFields = map[string][][]string{
	"kube-controller-manager": {
		{"metadata", "annotations", "deployment.kubernetes.io/"},
		{"metadata", "annotations", "pv.kubernetes.io/"},
		{"metadata", "annotations", "volume.kubernetes.io/"},
		{"metadata", "annotations", "volume.beta.kubernetes.io/"},
	},
	"kube-scheduler": {{"metadata", "annotations", "volume.kubernetes.io/selected-node"}},
}

func ownField(manager string, path fieldpath.Path) bool {
	names := fieldNames(path)
	return slices.ContainsFunc(ownFields[manager], func(own []string) bool {
		last := len(own) - 1
		return len(names) == len(own) && slices.Equal(names[:last], own[:last]) && strings.HasPrefix(names[last], own[last])
	})
}

// fieldNames returns the field names at the start of a path.
func fieldNames(path fieldpath.Path) []string {
	var names []string
	for _, element := range path {
		if element.FieldName == nil {
			break
		}
		names = append(names, *element.FieldName)
	}
	return names
}

// pointer returns where a path is in the object, as the tokens of a JSON
// pointer, what is there, and whether anything is.
func pointer(o *unstructured.Unstructured, path fieldpath.Path) (tokens []string, at any, there bool) {
	at = o.Object
	for _, element := range path {
		if element.FieldName != nil {
			fields, ok := at.(map[string]any)
			if !ok {
				return nil, nil, false
			}
			if at, ok = fields[*element.FieldName]; !ok {
				return nil, nil, false
			}
			tokens = append(tokens, *element.FieldName)
			continue
		}
		list, ok := at.([]any)
		if !ok {
			return nil, nil, false
		}
		i := slices.IndexFunc(list, func(item any) bool { return isElement(element, item) })
		if element.Index != nil && *element.Index < len(list) {
			i = *element.Index
		}
		if i < 0 {
			return nil, nil, false
		}
		at, tokens = list[i], append(tokens, strconv.Itoa(i))
	}
	return tokens, at, true
}

// isElement reports whether a list's item is the one that the element selects,
// by its value or its key fields.
func isElement(element fieldpath.PathElement, item any) bool {
	switch {
	case element.Value != nil:
		return value.Equals(*element.Value, value.NewValueInterface(item))
	case element.Key != nil:
		fields, ok := item.(map[string]any)
		if !ok {
			return false
		}
		for _, key := range *element.Key {
			have, there := fields[key.Name]
			if !there || !value.Equals(key.Value, value.NewValueInterface(have)) {
				return false
			}
		}
		return true
	}
	return false
}

// pathName writes a path as the rows of a comparison do: keys with a dot or
// slash are quoted.
func pathName(path fieldpath.Path) string {
	var b strings.Builder
	for _, element := range path {
		if element.FieldName == nil {
			b.WriteString(element.String())
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		name := *element.FieldName
		if strings.ContainsAny(name, "./ []\"") {
			name = strconv.Quote(name)
		}
		b.WriteString(name)
	}
	return b.String()
}

// Without returns the JSON patch that takes the added fields out of the host's
// object. What the host puts back then, as it was, is a default of its own, or an
// admission webhook's.
func Without(added []Added) ([]byte, error) {
	type operation struct {
		Op   string `json:"op"`
		Path string `json:"path"`
	}
	order := slices.Clone(added)
	slices.SortFunc(order, func(a, b Added) int { return -comparePointers(a.pointer, b.pointer) })
	var patch []operation
	for _, a := range order {
		var path strings.Builder
		for _, token := range a.pointer {
			path.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
		}
		if len(patch) == 0 || patch[len(patch)-1].Path != path.String() {
			patch = append(patch, operation{Op: "remove", Path: path.String()})
		}
	}
	return json.Marshal(patch)
}

// comparePointers puts a list's later items after its earlier ones, so that in
// the reverse order no removal moves the item of the next.
func comparePointers(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int {
		i, errX := strconv.Atoi(x)
		j, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return cmp.Compare(i, j)
		}
		return cmp.Compare(x, y)
	})
}

// StillAdded returns those of added that are not, as they are, in the object
// that the host made without them.
func StillAdded(added []Added, without *unstructured.Unstructured) []Added {
	return slices.DeleteFunc(slices.Clone(added), func(a Added) bool {
		_, back, there := pointer(without, a.path)
		return there && equality.Semantic.DeepEqual(a.value, back)
	})
}

// lastAppliedOnly returns the fields of Argo CD's last sync by the client that
// git no longer has and a sync would leave on the host. Of such a sync the
// managed fields do not tell git's fields from the server's defaults; the
// annotation that it leaves does.
func lastAppliedOnly(want, live, predicted *unstructured.Unstructured) []string {
	var applied map[string]any
	if json.Unmarshal([]byte(live.GetAnnotations()[lastApplied]), &applied) != nil {
		return nil
	}
	record := fieldpath.MakePathOrDie("metadata", "annotations", lastApplied)
	if !slices.ContainsFunc(live.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		set, err := fieldsOf(entry)
		return err == nil && slices.Contains(argoCD, entry.Manager) && set.Has(record)
	}) {
		return nil // another's record
	}
	var all []string
	for _, path := range only(nil, applied, want.Object) {
		if _, _, there := pointer(predicted, path); there && compares(want, path) {
			all = append(all, pathName(path))
		}
	}
	return all
}

// only returns the paths of the fields in was that git does not have. Items of
// lists are known by their name; lists of other items are one value.
func only(at fieldpath.Path, was, git any) []fieldpath.Path {
	var all []fieldpath.Path
	below := func(element fieldpath.PathElement, was, git any, there bool) {
		path := append(at.Copy(), element)
		switch {
		case was == nil:
		case there, len(path) < 3 && *path[0].FieldName == "metadata":
			all = append(all, only(path, was, git)...)
		default:
			all = append(all, path)
		}
	}
	switch was := was.(type) {
	case map[string]any:
		fields, _ := git.(map[string]any)
		for name, value := range was {
			ours, there := fields[name]
			below(fieldpath.FieldNameElement(name), value, ours, there)
		}
	case []any:
		items, _ := git.([]any)
		for _, item := range was {
			name, ok := nameOf(item)
			if !ok {
				return nil
			}
			i := slices.IndexFunc(items, func(ours any) bool { n, ok := nameOf(ours); return ok && n == name })
			var ours any
			if i >= 0 {
				ours = items[i]
			}
			below(fieldpath.KeyElementByFields("name", name), item, ours, i >= 0)
		}
	}
	return all
}

func nameOf(item any) (string, bool) {
	fields, _ := item.(map[string]any)
	name, ok := fields["name"].(string)
	return name, ok
}
