package manifest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name, file string
		want       []string // "line:data"
	}{
		{"empty", "", nil},
		{"only comments", "# a\n---\n  # b\n---\n", nil},
		{"one without marker", "a: 1\n", []string{"1:a: 1\n"}},
		{"as Helm writes", "---\n# Source: x\na: 1\n---\n# Source: y\nb: 1\n", []string{"2:# Source: x\na: 1\n", "5:# Source: y\nb: 1\n"}},
		{"marker with comment", "a: 1\n--- # next\nb: 1", []string{"1:a: 1\n", "3:b: 1"}},
		{"marker at the end", "a: 1\n---", []string{"1:a: 1\n"}},
		{"marker in a block", "a: |\n  ---\nb: 1\n", []string{"1:a: |\n  ---\nb: 1\n"}},
		{"more dashes", "a: 1\n----\n", []string{"1:a: 1\n----\n"}},
		{"CRLF", "---\r\na: 1\r\n---\r\nb: 1\r\n", []string{"2:a: 1\r\n", "4:b: 1\r\n"}},
		{"byte order mark", "\xef\xbb\xbf---\na: 1\n", []string{"2:a: 1\n"}},
		{"JSON", `{"a": 1}`, []string{`1:{"a": 1}`}},
		{"behind a marker", "--- {a: 1}\nb: 1\n", []string{"1:--- {a: 1}\nb: 1\n"}},
		{"behind an end", "a: 1\n...\nb: 1\n", []string{"1:a: 1\n...\n", "3:b: 1\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			documents := manifest.Parse(manifest.Rendered, "f.yaml", []byte(test.file)).Documents
			var got []string
			for _, d := range documents {
				got = append(got, fmt.Sprintf("%d:%s", d.Line, d.Bytes))
			}
			if strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWhereToolsDivideOtherwise(t *testing.T) {
	for file, line := range map[string]int{"a: 1\n--- b: 1\n": 2, "a: 1\n--- !!map\n": 2, "a: 1\n--- |\n x\n": 2, "a: 1\n...\nb: 1\n": 3, "a: 1\n...\n---\nb: 1\n...\n# end\n": 0} {
		var divided []int
		for _, d := range manifest.Parse(manifest.Rendered, "f.yaml", []byte(file)).Documents {
			if d.Divided != nil {
				divided = append(divided, d.Divided.Line)
			}
		}
		if line == 0 && divided != nil || line > 0 && !slices.Equal(divided, []int{line}) {
			t.Errorf("%q: divided otherwise in lines %v, want %d", file, divided, line)
		}
	}
}

func TestReplace(t *testing.T) {
	head := func(old []byte) []byte { return old[:bytes.IndexByte(old, '\n')+1] }
	for file, want := range map[string]string{
		"a: 1\n":                                         "a: 1\nNEW\n",
		"# top\n---\n# h\na: 1\n---\nb: 1\n":             "# top\n---\n# h\nNEW\n---\nb: 1\n",
		"\ufeffa: 1\nb: 2\n":                             "a: 1\nNEW\n",
		"--- {a: 1}\n---\nb: 1\n":                        "---\nNEW\n---\nb: 1\n",
		"--- # c\n# h\na: 1\n...\nb: 1":                  "---\n# h\nNEW\n...\nb: 1",
		"---\n# only\n---\n# h\na: 1\n---\n# comments\n": "---\n# only\n---\n# h\nNEW\n---\n# comments\n",
	} {
		f := manifest.Parse(manifest.Rendered, "f.yaml", []byte(file))
		if got := string(f.Replace(map[int][]byte{0: []byte("NEW\n")}, head)); got != want {
			t.Errorf("%q: got %q, want %q", file, got, want)
		}
		if got := string(f.Replace(nil, head)); got != file {
			t.Errorf("%q: got %q with nothing replaced", file, got)
		}
	}
}

// A document that the splitter overlooks would go unchecked. So: where every
// part parses as one document, a YAML decoder counts no more of them.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		"", "---\n", "a: 1\n---\nb: 2\n", "---\n# c\n---\na: 1\n...\n---\nb", "a: |\n  ---\n  x\n", "a\r---\rb",
		"{\"a\":\n---\n1}", "- a\n--- # x\n- b\n", "'x\n---\ny'", "%YAML 1.2\n---\na: 1\n", "a: 1\n...\nb: 2\n", "\xef\xbb\xbf---\na",
		"a\u2028---\u2028b", "---\n---\n---\nx: y", "---\t\na: 1", "a: >\n---\n", "#\r0", "# a\u2028b: 1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		documents := manifest.Parse(manifest.Rendered, "f.yaml", data).Documents
		for _, d := range documents {
			if _, err := position.Parse(d.Bytes, d.Line-1); err != nil || d.Divided != nil {
				return
			}
		}
		want, err := count(data)
		if err != nil {
			return
		}
		if len(documents) < want {
			t.Errorf("%q: %d documents, a decoder counts %d", data, len(documents), want)
		}
	})
}

// count returns how many documents have content. One without decodes as a null
// that has no text.
func count(data []byte) (int, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	n := 0
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		if root := node.Content[0]; root.Kind != yaml.ScalarNode || root.Value != "" || root.Style != 0 {
			n++
		}
	}
}
