package tree

import "strings"

// plainLock reads a lock as Marshal writes it, line by line: a twentieth of the
// work of a YAML parser, which in a large fleet without changes is a quarter of
// everything. It is not ok for what it is not sure to read as that parser does.
func plainLock(data []byte) (l *Lock, ok bool) {
	l = &Lock{}
	section := ""
	seen := make(map[string]bool, 16) // of all keys but the files' names
	for rest := string(data); rest != ""; {
		text, after, ended := strings.Cut(rest, "\n")
		rest = after
		if text == lockHead {
			continue
		}
		key, value, ok := strings.Cut(text, ":")
		name, below := strings.CutPrefix(key, "  ")
		if !ok || !ended || !plainText(name) {
			return nil, false
		}
		if below && section == "files" && value != "" {
			if !l.addFile(name, value) {
				return nil, false
			}
			continue
		}
		if below {
			key = section + " " + name
		} else {
			section = key
		}
		if seen[key] {
			return nil, false
		}
		seen[key] = true
		if value == "" {
			if key != "chart" && key != "files" && key != "host" {
				return nil, false
			}
			continue
		}
		value, ok = plainValue(value)
		if !ok {
			return nil, false
		}
		field := l.field(key)
		if field == nil {
			return nil, false
		}
		*field = value
	}
	return l, true
}

// addFile enters a file. It is not ok for one that is there, and for what is no
// plain value.
func (l *Lock) addFile(name, value string) (ok bool) {
	if l.Files == nil {
		l.Files = make(map[string]string, 16)
	}
	before := len(l.Files)
	l.Files[name], ok = plainValue(value)
	return ok && len(l.Files) > before
}

// field is where a value goes, by its key and the section's before it; nil for a
// key that it does not know.
func (l *Lock) field(key string) *string {
	switch key {
	case "apiVersion":
		return &l.APIVersion
	case "kind":
		return &l.Kind
	case "inputs":
		return &l.Inputs
	case "host serviceCIDR":
		return &l.Host.ServiceCIDR
	case "chart repository":
		return &l.Chart.Repository
	case "chart name":
		return &l.Chart.Name
	case "chart version":
		return &l.Chart.Version
	case "chart path":
		return &l.Chart.Path
	case "chart digest":
		return &l.Chart.Digest
	}
	return nil
}

// plainValue gives what stands behind a colon, where it is a text to every
// parser.
func plainValue(text string) (string, bool) {
	value, ok := strings.CutPrefix(text, " ")
	if !ok {
		return "", false
	}
	if inner, ok := strings.CutPrefix(value, `"`); ok {
		inner, ok = strings.CutSuffix(inner, `"`)
		return inner, ok && plainCharacters(inner)
	}
	return value, plainText(value)
}

// plainText says whether text is a string without quotes: not a number, not a
// word such as true, no sign that means something.
func plainText(text string) bool {
	if text == "" || !plainCharacters(text) || strings.HasSuffix(text, ":") {
		return false
	}
	if first := text[0] | 0x20; first < 'a' || first > 'z' {
		// A version, or an address; one dot would make it a number, a colon a time.
		return text[0] >= '0' && text[0] <= '9' && strings.Count(text, ".") >= 2 && !strings.Contains(text, ":")
	}
	if len(text) > len("false") {
		return true
	}
	switch strings.ToLower(text) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return false
	}
	return true
}

func plainCharacters(text string) bool {
	for i := range len(text) {
		if !plainSet[text[i]] {
			return false
		}
	}
	return true
}

var plainSet = func() (set [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/:+@") {
		set[c] = true
	}
	return set
}()
