package manifest

import (
	"crypto/rand"
	"strconv"
	"strings"
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
