package manifest

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Unwritable returns the paths of the texts in a value of Read's that sigs.k8s.io/yaml, and
// so Helm, does not write as they are, each with the first character that is to blame. It
// goes through JSON, which has these characters as they are, and YAML does not allow them or
// takes them for a line break (U+0085).
func Unwritable(value any) iter.Seq2[[]string, rune] {
	return func(yield func([]string, rune) bool) { unwritable(value, nil, yield) }
}

func unwritable(value any, path []string, yield func([]string, rune) bool) bool {
	below := func(step string) []string { return append(path[:len(path):len(path)], step) }
	switch v := value.(type) {
	case string:
		return writable(v, path, yield)
	case []any:
		for i, item := range v {
			if !unwritable(item, below(strconv.Itoa(i)), yield) {
				return false
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if !writable(key, below(key), yield) || !unwritable(v[key], below(key), yield) {
				return false
			}
		}
	}
	return true
}

func writable(text string, path []string, yield func([]string, rune) bool) bool {
	at := strings.IndexFunc(text, func(r rune) bool {
		return r >= '\u007f' && r <= '\u009f' || r == '\ufffe' || r == '\uffff'
	})
	if at < 0 {
		return true
	}
	r, _ := utf8.DecodeRuneInString(text[at:])
	return yield(path, r)
}
