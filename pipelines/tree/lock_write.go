package tree

import (
	"maps"
	"slices"
	"strings"
)

// longest is the length of a key for which a YAML printer may choose another
// form.
const longest = 100

// plainMarshal writes the lock as yaml.Marshal does, a hundred times as fast: a
// cluster that is built needs three. It is not ok for what it is not sure to
// write as that does: for a text that may want quotes, and for names that may be
// sorted otherwise.
func (l Lock) plainMarshal() (data []byte, ok bool) {
	w := plainWriter{data: make([]byte, 0, 256+len(l.Files)*160)}
	w.data = append(w.data, lockHead+"\n"...)
	w.field("", "apiVersion", l.APIVersion)
	if l.Chart == (ChartLock{}) {
		w.data = append(w.data, "chart: {}\n"...)
	} else {
		w.data = append(w.data, "chart:\n"...)
		w.field("  ", "digest", l.Chart.Digest)
		w.field("  ", "name", l.Chart.Name)
		w.field("  ", "path", l.Chart.Path)
		w.field("  ", "repository", l.Chart.Repository)
		w.field("  ", "version", l.Chart.Version)
	}
	w.files("files", l.Files)
	if l.Host != (HostLock{}) {
		w.data = append(w.data, "host:\n"...)
		w.field("  ", "serviceCIDR", l.Host.ServiceCIDR)
	}
	w.field("", "inputs", l.Inputs)
	w.field("", "kind", l.Kind)
	w.files("replaced", l.Replaced)
	if l.Writing {
		w.data = append(w.data, "writing: true\n"...)
	}
	return w.data, !w.unsure
}

// plainWriter is the lock as far as it is written.
type plainWriter struct {
	data []byte
	// unsure says that something was not plain.
	unsure bool
}

// field writes one line; none for an empty text, which is left out.
func (w *plainWriter) field(indent, key, text string) {
	if text == "" {
		return
	}
	w.unsure = w.unsure || !plainText(text)
	w.line(indent, key, text)
}

func (w *plainWriter) line(indent, key, text string) {
	w.data = append(w.data, indent...)
	w.data = append(w.data, key...)
	w.data = append(w.data, ": "...)
	w.data = append(w.data, text...)
	w.data = append(w.data, '\n')
}

func (w *plainWriter) files(key string, files map[string]string) {
	if len(files) == 0 {
		return
	}
	w.data = append(w.data, key+":\n"...)
	names := slices.Sorted(maps.Keys(files))
	for i, name := range names {
		text := files[name]
		w.unsure = w.unsure || len(name) > longest || !plainText(name) || !plainText(text) ||
			i > 0 && !surelyBefore(names[i-1], name)
		w.line("  ", name, text)
	}
}

// surelyBefore says whether of two plain texts, of which a is the lesser by its
// bytes, a YAML printer writes a first, too. Such a printer takes a row of digits
// for a number, a letter for greater than any sign, and a letter after a digit
// for less than a sign.
func surelyBefore(a, b string) bool {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	if n == len(a) {
		return true // the beginning of b
	}
	inA, inB := class(a[n]), class(b[n])
	after := n > 0 && class(a[n-1]) == digitClass
	switch {
	case inA == digitClass && inB == digitClass:
		return sameRow(a[n:], b[n:])
	case inA == letterClass && inB == letterClass, inA == signClass && inB == signClass:
		return true
	case inB == letterClass:
		return !after
	}
	return inA == signClass && inB == digitClass
}

// sameRow says whether the texts begin with equally many digits, few enough for
// any integer.
func sameRow(a, b string) bool {
	row := func(text string) int { return len(text) - len(strings.TrimLeft(text, "0123456789")) }
	const few = 15
	return row(a) == row(b) && row(a) < few
}

const (
	signClass = iota
	digitClass
	letterClass
)

func class(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return digitClass
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return letterClass
	}
	return signClass
}
