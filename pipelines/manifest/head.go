package manifest

import (
	"bytes"
	"strings"
)

// Glanced is the head of an object read at a glance.
type Glanced struct {
	APIVersion, Kind, Namespace, Name string
	// NoHook says that no annotation makes the object a hook of Helm's, and that
	// each is a text.
	NoHook bool
}

// Glance reads the head of a document that is written as charts write, a block
// with plain values, without parsing it whole: who validates the document does
// that, and objects that are valid need no more. It is not ok wherever there
// could be doubt.
func Glance(data []byte) (h Glanced, ok bool) {
	if bytes.IndexByte(data, '\t') >= 0 || bytes.IndexByte(data, '\r') >= 0 || bytes.IndexByte(data, 0) >= 0 || bytes.Contains(data, []byte("\n...")) {
		return h, false
	}
	r := headReader{annotations: true}
	for line := range bytes.Lines(data) {
		if !r.line(bytes.TrimRight(line, "\n ")) {
			return h, false
		}
	}
	h = r.head
	h.NoHook = r.annotations && !bytes.ContainsRune(data, '\\') && !bytes.Contains(data, []byte("helm.sh/hook"))
	return h, h.APIVersion != "" && h.Kind != "" && h.Name != "" && !strings.HasSuffix(h.Kind, "List") &&
		alphanumeric(h.Kind) && isAPIVersion(h.APIVersion)
}

// headReader goes through a document line by line.
type headReader struct {
	head Glanced
	// section is the key of the top level, and key that of metadata, which the
	// line belongs to.
	section, key string
	// depth is the indent of metadata's keys, and below that of the first line
	// below one of them.
	depth, below int
	seen         [16]string
	count        int
	annotations  bool
}

// once says whether the key is a new one. It is not where there are too many.
func (r *headReader) once(key string) bool {
	for _, earlier := range r.seen[:r.count] {
		if earlier == key {
			return false
		}
	}
	if r.count == len(r.seen) {
		return false
	}
	r.seen[r.count] = key
	r.count++
	return true
}

// line is false where the head is in doubt.
func (r *headReader) line(line []byte) bool {
	switch {
	case len(line) == 0 || line[0] == '#':
		return true
	case bytes.Count(line, []byte(`"`))%2 != 0, bytes.Count(line, []byte("'"))%2 != 0:
		return false // a text that may go on in the next line
	case line[0] != ' ':
		return r.top(line)
	case r.section == "metadata":
		return r.metadata(line)
	}
	return r.section != "apiVersion" && r.section != "kind" // a text that goes on
}

// top takes a line of the top level.
func (r *headReader) top(line []byte) (ok bool) {
	key, value, found := keyAndValue(line)
	if !found || !alphanumeric(key) || !r.once(key) || !closed(value) || misspelt(key, "apiVersion", "kind", "metadata") {
		return false
	}
	r.section = key
	switch key {
	case "apiVersion":
		r.head.APIVersion, ok = asText(value)
	case "kind":
		r.head.Kind, ok = asText(value)
	case "metadata":
		ok = len(value) == 0
	default:
		ok = true
	}
	return ok
}

func (r *headReader) metadata(line []byte) bool {
	text := bytes.TrimLeft(line, " ")
	indent := len(line) - len(text)
	if r.depth == 0 {
		r.depth = indent
	}
	if indent > r.depth {
		r.annotation(text, indent)
		return r.key != "name" && r.key != "namespace" // a text that goes on
	}
	if indent < r.depth || !closed(text) {
		return false
	}
	key, value, found := keyAndValue(text)
	r.key, r.below = key, 0
	if !found {
		r.annotations = false
		return true
	}
	return r.field(key, value)
}

// field takes a field of metadata.
func (r *headReader) field(key string, value []byte) (ok bool) {
	if misspelt(key, "name", "namespace", "annotations") {
		return false
	}
	switch key {
	case "generateName":
		return false
	case "name", "namespace":
		if !r.once("metadata." + key) {
			return false
		}
	case "annotations":
		r.annotations = r.annotations && len(value) == 0 && r.once("metadata.annotations")
	default:
		// Such as a merge, which could bring annotations.
		r.annotations = r.annotations && alphanumeric(key)
	}
	switch key {
	case "name":
		r.head.Name, ok = asText(value)
		return ok
	case "namespace":
		r.head.Namespace, ok = asText(value)
		return ok
	}
	return true
}

// annotation looks whether a line below annotations is a key and a text.
func (r *headReader) annotation(text []byte, indent int) {
	if r.key != "annotations" {
		return
	}
	if r.below == 0 {
		r.below = indent
	}
	key, value, found := keyAndValue(text)
	_, isText := asText(value)
	_, isKey := asText([]byte(key))
	r.annotations = r.annotations && found && isText && isKey && indent == r.below
}

// keyAndValue splits a line at its first colon, which ends it or stands before a
// blank.
func keyAndValue(line []byte) (key string, value []byte, ok bool) {
	before, after, found := bytes.Cut(line, []byte(":"))
	if !found || len(after) > 0 && after[0] != ' ' {
		return "", nil, false
	}
	return string(before), bytes.TrimPrefix(after, []byte(" ")), true
}

// misspelt says whether a key is one of those but for letter case, which parsers
// do not agree about.
func misspelt(key string, names ...string) bool {
	for _, name := range names {
		if key != name && strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// closed says whether no list or mapping in brackets goes on in the next line.
func closed(text []byte) bool {
	return bytes.Count(text, []byte("{")) == bytes.Count(text, []byte("}")) && bytes.Count(text, []byte("[")) == bytes.Count(text, []byte("]"))
}

// asText gives a value that is a string to every parser of YAML.
func asText(value []byte) (string, bool) {
	if inner, quoted := bytes.CutPrefix(value, []byte(`"`)); quoted {
		inner, quoted = bytes.CutSuffix(inner, []byte(`"`))
		return string(inner), quoted && len(inner) > 0 && consists(inner, lower)
	}
	if len(value) == 0 || !letter(value[0]) || !consists(value, func(c byte) bool { return lower(c) || letter(c) }) {
		return "", false
	}
	text := string(value)
	switch strings.ToLower(text) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n": // no strings
		return "", false
	}
	return text, true
}

func consists(text []byte, of func(byte) bool) bool {
	for _, c := range text {
		if !of(c) {
			return false
		}
	}
	return true
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// lower says whether c is one of the characters that names are made of.
func lower(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == ':' || c == '/' || c == '-'
}

func alphanumeric(text string) bool {
	return text != "" && letter(text[0]) && consists([]byte(text), func(c byte) bool { return letter(c) || c >= '0' && c <= '9' })
}

// isAPIVersion says whether text is a version, or a group and a version, that a
// schema's path can be made of.
func isAPIVersion(text string) bool {
	group, version, grouped := strings.Cut(text, "/")
	if !grouped {
		group, version = "", text
	}
	for part := range strings.SplitSeq(group, ".") {
		if grouped && (!consists([]byte(part), lower) || strings.Trim(part, "-") != part || part == "" || strings.ContainsAny(part, ":/")) {
			return false
		}
	}
	return version != "" && consists([]byte(version), lower) && !strings.ContainsAny(version, ".:/-")
}
