package seal

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kasou/pipelines/manifest"
)

// digest is a hash in hex, of MD5 up to SHA-512.
var digest = regexp.MustCompile(`^([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$`)

// compare reports every field in which an unsealed document differs from its
// variant. A digest in an annotation is passed over, as charts have it to roll
// their pods when values change: the one of the placeholders does that as well,
// and cannot be searched for the values. It reports whether there was such a one.
func (m *renderedFile) compare(d document, variant map[string]any) (digests bool) {
	walk(d.object, variant, nil, func(path []string, ours, theirs any) {
		if isDigest(path, ours) && isDigest(path, theirs) {
			digests = true
			return
		}
		m.leak(d.lineOf(path...), fmt.Sprintf("field %s of %s", strings.Join(path, "."), objectName(d.object)), ours)
	})
	return digests
}

func isDigest(path []string, value any) bool {
	s, ok := value.(string)
	return ok && digest.MatchString(s) && slices.Contains(path, "annotations")
}

// walk calls visit for every value that differs: a leaf, or a map or list whose
// variant has another shape. No key that only the variant has is in a path.
func walk(ours, theirs any, path []string, visit func(path []string, ours, theirs any)) {
	switch a := ours.(type) {
	case map[string]any:
		if b, ok := theirs.(map[string]any); ok && sameKeys(a, b) {
			for _, key := range slices.Sorted(maps.Keys(a)) {
				walk(a[key], b[key], append(slices.Clone(path), key), visit)
			}
			return
		}
	case []any:
		if b, ok := theirs.([]any); ok && len(a) == len(b) {
			for i := range a {
				walk(a[i], b[i], append(slices.Clone(path), strconv.Itoa(i)), visit)
			}
			return
		}
	default:
		if ours == theirs {
			return
		}
	}
	visit(path, ours, theirs)
}

// objectName returns kind and name of an object that was rendered with
// placeholders.
func objectName(object map[string]any) string {
	return strings.TrimSpace(manifest.Text(object, "kind") + " " + manifest.Text(object, "metadata", "name"))
}
