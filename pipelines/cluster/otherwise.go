package cluster

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// otherwise returns another text of the same form as value: each digit is another
// digit, each letter another one of its case, and all else stays, so that whatever
// parses the one, or quotes it, does the same with the other. Escapes stay escapes,
// and base64 of a text is base64 of another text. No two places have the same
// replacement rule, and none is the identity, so that what a chart counts of the
// characters differs. seed tells one value's replacement from another's; it is not
// to be guessed where the value is not.
func otherwise(value, seed string) string {
	if text, err := base64.StdEncoding.DecodeString(value); err == nil && utf8.Valid(text) {
		return base64.StdEncoding.EncodeToString([]byte(otherText(string(text), seed)))
	}
	return otherText(value, seed)
}

func otherText(value, seed string) string {
	out := make([]byte, 0, len(value))
	hexadecimal := 0 // of an escape, still to come
	for at, r := range value {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", seed, at))
		shift, escaped := binary.BigEndian.Uint32(sum[:4]), at > 0 && value[at-1] == '\\'
		switch {
		case escaped && r == 'u':
			hexadecimal = 4
		case escaped && r == 'x', r == '%':
			hexadecimal = 2
		case hexadecimal > 0 && r >= 'a' && r <= 'f':
			out, hexadecimal = append(out, turned(r, 'a', 6, shift)...), hexadecimal-1
			continue
		case hexadecimal > 0 && r >= 'A' && r <= 'F':
			out, hexadecimal = append(out, turned(r, 'A', 6, shift)...), hexadecimal-1
			continue
		case hexadecimal > 0:
			hexadecimal--
		}
		if escaped && r < utf8.RuneSelf {
			out = append(out, byte(r))
			continue
		}
		out = append(out, otherRune(value[at:], r, shift)...)
	}
	return string(out)
}

// turned returns another one of the count characters from first on than r.
func turned(r, first rune, count, shift uint32) string {
	return string(first + rune((uint32(r-first)+1+shift%(count-1))%count))
}

// otherRune returns another character than the first of text, r, of the same kind
// and as many bytes.
func otherRune(text string, r rune, shift uint32) string {
	_, size := utf8.DecodeRuneInString(text)
	switch {
	case r >= '0' && r <= '9':
		return turned(r, '0', 10, shift)
	case r >= 'a' && r <= 'z':
		return turned(r, 'a', 26, shift)
	case r >= 'A' && r <= 'Z':
		return turned(r, 'A', 26, shift)
	case r >= utf8.RuneSelf && unicode.IsLetter(r):
		if next := r ^ 1; unicode.IsLetter(next) && utf8.RuneLen(next) == size && unicode.IsUpper(next) == unicode.IsUpper(r) {
			return string(next)
		}
	}
	return text[:size]
}
