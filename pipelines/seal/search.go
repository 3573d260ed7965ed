package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
)

// MinimumValue is the fewest bytes of a value that can be searched for: a
// shorter one stands in any text by chance.
const MinimumValue = 8

// Search looks for a value in what is about to be written, in the forms in
// which such a value gets about. It is the second net: what is not sealed was
// rendered without the value.
type Search struct{ forms [][]byte }

// NewSearch returns a Search for a value of at least MinimumValue bytes.
func NewSearch(value string) Search {
	var s Search
	s.addText(value)
	for line := range strings.Lines(value) {
		// A block scalar indents each line.
		if line = strings.TrimSpace(line); len(line) >= 2*MinimumValue && line != value {
			s.addText(line)
		}
	}
	return s
}

func (s *Search) addText(text string) {
	s.add(text)
	s.add(strings.ReplaceAll(text, "'", "''"))
	s.add(url.QueryEscape(text))
	s.add(url.PathEscape(text))
	s.add(hex.EncodeToString([]byte(text)))
	s.add(strings.ToUpper(hex.EncodeToString([]byte(text))))
	for _, escapeHTML := range []bool{false, true} {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(escapeHTML)
		if encoder.Encode(text) == nil {
			s.add(strings.Trim(strings.TrimSpace(b.String()), `"`))
		}
	}
	for offset := range 3 {
		// The characters at both ends depend on what stands around the value.
		shifted := append(make([]byte, offset), text...)
		whole := len(shifted) / 3 * 4
		start := (offset*8 + 5) / 6
		encoded := base64.RawStdEncoding.EncodeToString(shifted)[start:whole]
		s.add(encoded)
		s.add(strings.NewReplacer("+", "-", "/", "_").Replace(encoded))
	}
}

func (s *Search) add(form string) {
	for _, f := range s.forms {
		if string(f) == form {
			return
		}
	}
	s.forms = append(s.forms, []byte(form))
}

// Line returns the first line of data, from 1, on which the value stands.
func (s Search) Line(data []byte) (line int, found bool) {
	for _, form := range s.forms {
		if at := bytes.Index(data, form); at >= 0 {
			return bytes.Count(data[:at], []byte("\n")) + 1, true
		}
	}
	return 0, false
}
