package position

import (
	"errors"
	"fmt"
	"testing"
)

const document = `apiVersion: v1
spec:
  base: &base {size: 1}
  merged:
    <<: *base
    own: 2
  list:
  - name: first
  - {name: second}
  "quoted key": yes
`

func TestAt(t *testing.T) {
	d, err := Parse([]byte(document), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name                       string
		path                       []string
		line, column, keyLine, key int
	}{
		{"root", nil, 1, 1, 1, 1},
		{"scalar", []string{"apiVersion"}, 1, 13, 1, 1},
		{"nested", []string{"spec", "merged", "own"}, 6, 10, 6, 5},
		{"list item", []string{"spec", "list", "1"}, 9, 5, 9, 5},
		{"in a list item", []string{"spec", "list", "1", "name"}, 9, 12, 9, 6},
		{"by a merge key", []string{"spec", "merged", "size"}, 3, 22, 3, 16},
		{"quoted", []string{"spec", "quoted key"}, 10, 17, 10, 3},
		{"missing key: its parent", []string{"spec", "merged", "none", "at", "all"}, 5, 5, 5, 5},
		{"index out of range: the list", []string{"spec", "list", "7"}, 8, 3, 8, 3},
		{"not an index: the list", []string{"spec", "list", "x"}, 8, 3, 8, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			if line, column := d.At(test.path...); line != test.line || column != test.column {
				t.Errorf("At gives %d:%d, want %d:%d", line, column, test.line, test.column)
			}
			if line, column := d.KeyAt(test.path...); line != test.keyLine || column != test.key {
				t.Errorf("KeyAt gives %d:%d, want %d:%d", line, column, test.keyLine, test.key)
			}
		})
	}
}

func TestFoldedAnswersTheSame(t *testing.T) {
	d, err := Parse([]byte("a: 1\nb: {c: 2, c: 3}\n"), 7)
	if err != nil {
		t.Fatal(err)
	}
	ask := func() string {
		line, column := d.KeyAt("b", "c")
		text, ok := d.Scalar("a")
		return fmt.Sprint(line, column, text, ok, d.Has("b", "d"), d.Duplicates())
	}
	before := ask()
	d.Fold()
	if after := ask(); after != before {
		t.Errorf("%s, folded %s", before, after)
	}
}

func TestOffsetMovesEveryLine(t *testing.T) {
	d, err := Parse([]byte("a: 1\nb: 2\n"), 40)
	if err != nil {
		t.Fatal(err)
	}
	if line, _ := d.At("b"); line != 42 {
		t.Errorf("line %d, want 42", line)
	}
}

func TestEmptyIsAtTheStart(t *testing.T) {
	for _, data := range []string{"", "# only a comment\n"} {
		d, err := Parse([]byte(data), 0)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if line, column := d.At("spec"); line != 1 || column != 1 {
			t.Errorf("%q: %d:%d, want 1:1", data, line, column)
		}
		if d.Has() || d.Has("spec") {
			t.Errorf("%q has a value", data)
		}
	}
}

func TestMergeKeyOfItsOwnMappingEnds(t *testing.T) {
	d, err := Parse([]byte("a: &a\n  <<: *a\n  b: 1\n"), 0)
	if err != nil {
		t.Skipf("SKIPPED: the parser refuses it: %v", err)
	}
	if d.Has("a", "c") {
		t.Error("found a key that is not there")
	}
}

func TestSyntaxErrorsHaveLines(t *testing.T) {
	for _, test := range []struct {
		name, data string
		line       int
	}{
		{"tab", "a: 1\nb:\n\t- x\n", 13},
		{"bad indentation", "a: 1\nb:\n  c: 1\n d: 2\n", 14},
		{"open bracket", "a: 1\nb: [1, 2\n", 12},
		{"two documents", "a: 1\n---\nb: 2\n", 12},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.data), 10)
			syntax, ok := errors.AsType[*SyntaxError](err)
			if !ok {
				t.Fatalf("error %v, want a *SyntaxError", err)
			}
			if syntax.Line != test.line || syntax.Message == "" {
				t.Errorf("line %d %q, want line %d", syntax.Line, syntax.Message, test.line)
			}
		})
	}
}

// What a reader of JSON has as one key stands twice, however it is written: Go's map of
// what YAML has as two decides by chance which counts.
func TestDuplicatesInJSON(t *testing.T) {
	for text, twice := range map[string]bool{
		"1: a\n1.0: b": true, "1: a\n'1': b": true, "0x10: a\n16: b": true, "yes: a\n'true': b": true,
		"On: a\ntrue: b": true, "!!bool 'yes': a\ntrue: b": true, "!!str 1: a\n1: b": true,
		"x: &k 1\ny: {*k : a, 1.0: b}": true, "n: a\nfalse: b": true, "&k 1: a\n'1': b": true,
		"1: a\n1.5: b": false, "yes: a\n'yes': b": false, "1: a\n'1.0': b": false, "a: 1\nA: 2": false,
		"x: &m {a: 1}\ny: {<<: *m, a: 2}": false, "~: a\nnull: b": false, "x: &k 1\ny: {*k : a, k: b}": false,
		"2001-01-01: a\n2001-01-02: b": false,
	} {
		d, err := Parse([]byte(text), 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Duplicates(); (len(got) > 0) != twice {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestDuplicates(t *testing.T) {
	d, err := Parse([]byte("a: 1\nspec:\n  x: 1\n  y: {k: 1, k: 2}\n  x: 2\n"), 0)
	if err != nil {
		t.Fatal(err)
	}
	got := d.Duplicates()
	want := []Duplicate{{Key: "x", Line: 5, Column: 3, FirstLine: 3}, {Key: "k", Line: 4, Column: 13, FirstLine: 4}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
