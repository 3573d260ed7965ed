package conform

import (
	"bytes"
	"regexp"
)

// head is what tells an object from others.
type head struct{ apiVersion, kind, namespace, name string }

var (
	topKey  = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*):( (.*))?$`)
	inner   = regexp.MustCompile(`^( +)(name|namespace|generateName):( (.*))?$`)
	plainly = regexp.MustCompile(`^(?:"([a-z0-9.:/-]+)"|([A-Za-z][A-Za-z0-9.:/-]*))$`)
	// words are those that YAML does not take for a string.
	words = regexp.MustCompile(`^(?i:null|true|false|yes|no|on|off|y|n)$`)
)

// glance reads the head of a document that is written as charts write, a block
// with plain values, without parsing it whole: the validator does that, and
// objects that are valid need no more. It is not ok wherever there could be
// doubt.
func glance(data []byte) (h head, ok bool) {
	if bytes.ContainsAny(data, "\t\r\x00") || bytes.Contains(data, []byte("\n...")) {
		return h, false
	}
	section, depth := "", 0
	seen := map[string]bool{}
	for line := range bytes.Lines(data) {
		line = bytes.TrimRight(line, "\n ")
		switch {
		case len(line) == 0 || line[0] == '#':
			continue
		case bytes.Count(line, []byte(`"`))%2 != 0, bytes.Count(line, []byte("'"))%2 != 0:
			return h, false // a text that may go on in the next line
		case line[0] != ' ':
			found := topKey.FindSubmatch(line)
			if found == nil || seen[string(found[1])] {
				return h, false
			}
			section = string(found[1])
			seen[section] = true
			if !h.top(section, found[3]) {
				return h, false
			}
		case section == "metadata":
			indent := len(line) - len(bytes.TrimLeft(line, " "))
			if depth == 0 {
				depth = indent
			}
			if indent < depth {
				return h, false
			}
			found := inner.FindSubmatch(line)
			if indent > depth || found == nil {
				continue
			}
			key := "metadata." + string(found[2])
			if seen[key] || !h.metadata(string(found[2]), found[4]) {
				return h, false
			}
			seen[key] = true
		}
	}
	return h, h.apiVersion != "" && h.kind != "" && h.name != "" && !bytes.HasSuffix([]byte(h.kind), []byte("List")) &&
		kindName.MatchString(h.kind) && apiVersionName.MatchString(h.apiVersion)
}

// top takes a value of the top level. It is false where that is in doubt.
func (h *head) top(key string, value []byte) (ok bool) {
	switch key {
	case "apiVersion":
		h.apiVersion, ok = asText(value)
	case "kind":
		h.kind, ok = asText(value)
	case "metadata":
		ok = len(value) == 0
	default:
		ok = true
	}
	return ok
}

func (h *head) metadata(key string, value []byte) (ok bool) {
	switch key {
	case "name":
		h.name, ok = asText(value)
	case "namespace":
		h.namespace, ok = asText(value)
	}
	return ok
}

// asText gives a value that is a string to every parser of YAML.
func asText(value []byte) (string, bool) {
	found := plainly.FindSubmatch(value)
	if found == nil || words.Match(value) {
		return "", false
	}
	return string(found[1]) + string(found[2]), true
}
