package conform

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// What isPlain takes without asking the library, the library takes.
func FuzzIsPlain(f *testing.F) {
	for _, text := range []string{"", "a", "-", "a-", ".a", "A_b.c-9", "a b", "a+b", "\xff", "é", strings.Repeat("a", 63), strings.Repeat("a", 64)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		good := len(validation.IsValidLabelValue(text)) == 0 && len(validation.IsQualifiedName(text)) == 0 && !strings.Contains(text, "/")
		if isPlain(text) != good {
			t.Errorf("%q: plain %v", text, !good)
		}
	})
}
