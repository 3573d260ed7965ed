package manifest

import (
	"fmt"
	"testing"

	"sigs.k8s.io/yaml"
)

// All else the library writes and reads again as it was.
func TestUnwritable(t *testing.T) {
	for r := rune(1); r < 0x10000; r++ {
		if r == 0x400 {
			r = 0xfe00 // what is between is letters, and halves of pairs
		}
		text := fmt.Sprintf("a%cb", r)
		written, err := yaml.Marshal(map[string]string{text: text})
		var read map[string]string
		survives := err == nil && yaml.Unmarshal(written, &read) == nil && read[text] == text
		told := 0
		for path, got := range Unwritable([]any{map[string]any{text: text}}) {
			told++
			if len(path) != 2 || path[1] != text || got != r {
				t.Errorf("%U: %U at %q", r, got, path)
			}
		}
		if told == 0 != survives || told == 1 {
			t.Errorf("%U: survives %v, told %d times", r, survives, told)
		}
	}
}
