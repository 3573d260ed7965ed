package pipelines

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// otherwise returns another text of the same form as value: each digit is another
// digit, each letter another one of its case, and all else stays, so that whatever
// parses the one, or quotes it, does the same with the other. No two places have
// the same replacement rule, and none is the identity, so that what a chart counts
// of the characters differs. seed tells one value's replacement from another's; it
// is not to be guessed where the value is not.
func otherwise(value, seed string) string {
	out := make([]byte, 0, len(value))
	for at, r := range value {
		shift := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", seed, at))
		out = append(out, otherRune(value[at:], r, binary.BigEndian.Uint32(shift[:4]))...)
	}
	return string(out)
}

// otherRune returns another character than the first of text, r, of the same kind
// and as many bytes.
func otherRune(text string, r rune, shift uint32) string {
	turn := func(first rune, count uint32) string {
		return string(first + rune((uint32(r-first)+1+shift%(count-1))%count))
	}
	_, size := utf8.DecodeRuneInString(text)
	switch {
	case r >= '0' && r <= '9':
		return turn('0', 10)
	case r >= 'a' && r <= 'z':
		return turn('a', 26)
	case r >= 'A' && r <= 'Z':
		return turn('A', 26)
	case r >= utf8.RuneSelf && unicode.IsLetter(r):
		if next := r ^ 1; unicode.IsLetter(next) && utf8.RuneLen(next) == size && unicode.IsUpper(next) == unicode.IsUpper(r) {
			return string(next)
		}
	}
	return text[:size]
}
