package conform

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kasou/pipelines/manifest"
)

// labels refuses labels and annotations, of an object and of its pods, that the API server
// refuses: schemas take any text (ValidateLabels and ValidateAnnotations of apimachinery).
func (c *checker) labels(o object) {
	for _, metadata := range [][]string{{"metadata"}, {"spec", "template", "metadata"}} {
		for _, kind := range []string{"labels", "annotations"} {
			at := append(slices.Clone(metadata), kind)
			all, _ := manifest.At(o.Object, at...).(map[string]any)
			for _, key := range slices.Sorted(maps.Keys(all)) {
				value, _ := all[key].(string)
				if wrong := invalidLabel(kind, key, value); wrong != "" {
					line, column := o.at(append(at, key)...)
					c.add(RuleInvalid, o.File, line, column, fmt.Sprintf("%s: %s: %s", o.title(), strings.Join(at, "."), wrong),
						"Use letters, digits, hyphens, dots and underscores, at most 63 of them; a name may have a domain and a slash in front.")
				}
			}
		}
	}
}

// invalidLabel returns what is wrong with a label or an annotation; empty where nothing is.
func invalidLabel(kind, key, value string) string {
	name := key
	if kind == "annotations" {
		name = strings.ToLower(key)
	}
	switch {
	case !isPlain(name) && len(validation.IsQualifiedName(name)) > 0:
		return fmt.Sprintf("the API server takes no name %q", key)
	case kind == "labels" && !isPlain(value) && len(validation.IsValidLabelValue(value)) > 0:
		return fmt.Sprintf("the API server takes no value %q of %s", value, key)
	}
	return ""
}

// isPlain reports whether a text is good for a name without a domain and for a value, as most
// are: the library's regular expressions take thirty times as long.
func isPlain(text string) bool {
	if len(text) == 0 || len(text) > validation.LabelValueMaxLength {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i == 0, i == len(text)-1, c != '-' && c != '_' && c != '.':
			return false
		}
	}
	return true
}
