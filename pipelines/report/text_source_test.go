package report

import (
	"bytes"
	"strings"
	"testing"
)

// What the run has read need not be read again, and is what its findings are
// about; the rest is.
func TestLinesComeFromTheTextsOfTheRun(t *testing.T) {
	r := example()
	r.Text = func(file string) []byte {
		if file == "clusters/beta/values.yaml" {
			return []byte("a: as it was\n")
		}
		return nil
	}
	var got bytes.Buffer
	if err := Write(&got, r, Options{Format: "text", Source: source}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"    1 | a: as it was\n", "    2 |   ingres: {}\n"} {
		if !strings.Contains(got.String(), line) {
			t.Errorf("no line %q in:\n%s", line, &got)
		}
	}
}
