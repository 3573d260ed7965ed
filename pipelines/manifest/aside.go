package manifest

import (
	"bytes"
	"crypto/rand"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// A Secret's base64 and its ciphertext are texts of many kilobytes, which YAML's
// libraries look at letter by letter, several times over. They get a short text
// in place of each, one that means as little to YAML, and the long one is put back
// afterwards.

// asideFrom is the length in bytes from which a text is put aside.
const asideFrom = 256

// asideMark and asideEnd stand around the number of a text that was put aside. The
// mark is another one in each process: a chart that knew it could write it, by
// escapes that only a parser sees through, and have one text taken for another.
var asideMark, asideEnd = "kasou" + rand.Text(), "Z"

func asideText(i int) string { return asideMark + strconv.Itoa(i) + asideEnd }

// UnmarshalStrict reads a document into object, as UnmarshalStrict of
// sigs.k8s.io/yaml does: a key that stands twice is an error.
func UnmarshalStrict(data []byte, object *map[string]any) error {
	short, long := putAside(data)
	if long == nil {
		return yaml.UnmarshalStrict(data, object)
	}
	if err := yaml.UnmarshalStrict(short, object); err != nil {
		return err
	}
	if _, ok := putBack(*object, long).(map[string]any); !ok {
		*object = nil
		return yaml.UnmarshalStrict(data, object)
	}
	return nil
}

// putAside gives the document with short texts in place of the long ones that
// end a line behind a key, bare or in double quotes. Wherever such a line stands,
// in a block of text as well, it means the same with either.
func putAside(data []byte) (short []byte, long []string) {
	if len(data) < asideFrom {
		return nil, nil
	}
	for line := range bytes.Lines(data) {
		start, end := longValue(line)
		if start == end {
			short = append(short, line...)
			continue
		}
		short = append(append(short, line[:start]...), asideText(len(long))...)
		short = append(short, line[end:]...)
		long = append(long, string(line[start:end]))
	}
	return short, long
}

// longValue gives where in a line the text to put aside stands; start is end where
// there is none.
func longValue(line []byte) (start, end int) {
	colon := bytes.Index(line, []byte(": "))
	if colon < 0 || len(line) < asideFrom {
		return 0, 0
	}
	start, end = colon+len(": "), len(bytes.TrimSuffix(line, []byte("\n")))
	if end-start >= 2 && line[start] == '"' && line[end-1] == '"' {
		start, end = start+1, end-1
	}
	if !meansNothing(line[start:end]) {
		return 0, 0
	}
	return start, end
}

// meansNothing says that a text is long, and that YAML reads and writes it as it
// stands: of base64's letters, the first of them no sign, and one that no number
// has.
func meansNothing[T string | []byte](text T) bool {
	if len(text) < asideFrom || text[0] == '+' || text[0] == '/' || text[0] == '=' {
		return false
	}
	all, some := byte(0xff), byte(0)
	for i := range len(text) {
		class := letters[text[i]]
		all, some = all&class, some|class
	}
	return all&base64Letter != 0 && some&noNumber != 0
}

const (
	// base64Letter marks the letters of base64, and noNumber those of them that no
	// number of YAML's has, be it in hexadecimal or with an exponent.
	base64Letter = 1 << iota
	noNumber
)

// letters are the marks of each byte: a table, because a switch takes ten times
// as long.
var letters = func() (of [256]byte) {
	for _, c := range "0123456789abcdefABCDEFoOxX+/=" {
		of[c] = base64Letter
	}
	for _, c := range "ghijklmnpqrstuvwyzGHIJKLMNPQRSTUVWYZ" {
		of[c] = base64Letter | noNumber
	}
	return of
}()

// putBack gives value with the long texts in their places; nil where a key has
// the mark in it.
func putBack(value any, long []string) any {
	switch v := value.(type) {
	case string:
		return withLong(v, long)
	case map[string]any:
		for key, inner := range v {
			if strings.Contains(key, asideMark) {
				return nil
			}
			if v[key] = putBack(inner, long); v[key] == nil && inner != nil {
				return nil
			}
		}
	case []any:
		for i, inner := range v {
			if v[i] = putBack(inner, long); v[i] == nil && inner != nil {
				return nil
			}
		}
	}
	return value
}

// withLong gives the text with each mark in it replaced.
func withLong(text string, long []string) string {
	before, rest, found := strings.Cut(text, asideMark)
	if !found {
		return text
	}
	var b strings.Builder
	for ; found; before, rest, found = strings.Cut(rest, asideMark) {
		b.WriteString(before)
		number, after, _ := strings.Cut(rest, asideEnd)
		i, _ := strconv.Atoi(number) // written by asideText
		b.WriteString(long[i])
		rest = after
	}
	b.WriteString(before)
	return b.String()
}
