package credential

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
)

// strongBits is what nobody searches.
const strongBits = 128

// Strong reports whether the credential can be seen to have 128 bits that nobody
// can guess: a client's private key has, a JWT by its signature, and any other
// token where its characters are as those of a random one. A long token is not
// strong by that: people make long ones up.
func (c Credential) Strong() bool {
	if c.BearerToken == "" {
		return len(c.KeyData) > 0
	}
	if signature, ok := signatureOf(c.BearerToken); ok {
		return randomBits(signature) >= strongBits
	}
	return randomBits(c.BearerToken) >= strongBits
}

// signatureOf returns the signature of a JWT that has one.
func signatureOf(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	var head struct{ Alg string }
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(raw, &head) != nil || head.Alg == "" || strings.EqualFold(head.Alg, "none") {
		return "", false
	}
	_, err = base64.RawURLEncoding.DecodeString(parts[2])
	return parts[2], err == nil
}

// class is a kind of characters, with how many of them an alphabet has.
type class struct {
	has   func(byte) bool
	count float64
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
func small(c byte) bool { return c >= 'a' && c <= 'z' }
func large(c byte) bool { return c >= 'A' && c <= 'Z' }

// alphabets are those that programs write random bytes in.
var alphabets = [][]class{
	{{digit, 10}, {func(c byte) bool { return c >= 'a' && c <= 'f' }, 6}},
	{{digit, 10}, {func(c byte) bool { return c >= 'A' && c <= 'F' }, 6}},
	{{func(c byte) bool { return c >= '2' && c <= '7' }, 6}, {large, 26}},
	{{digit, 10}, {small, 26}},
	{{digit, 10}, {small, 26}, {large, 26}},
	{{digit, 10}, {small, 26}, {large, 26}, {func(c byte) bool { return strings.IndexByte("+/-_", c) >= 0 }, 2}},
}

// randomBits returns how many bits a text has if it is random, and 0 where it does
// not look so: where it has other characters than any alphabet that random bytes
// are written in, or its characters are not spread as chance would. What repeats
// or goes on counting is left out of the count. It errs to the low side.
func randomBits(text string) float64 {
	text = strings.TrimRight(text, "=")
	most := 0.0
	for _, alphabet := range alphabets {
		if perCharacter, ok := spread(text, alphabet); ok {
			most = max(most, perCharacter*float64(fresh(text)))
		}
	}
	return most
}

// sigmas is how far from what is expected a random text may be: one in some
// hundred is taken for one that is not, and then needs a key.
const sigmas = 3

// spread reports whether the characters of text are the alphabet's, with each of
// its classes as often as chance has it, and as often two of a class in a row: in
// words, letters of one case stand together. It returns the bits of a character.
func spread(text string, alphabet []class) (perCharacter float64, ok bool) {
	all := 0.0
	for _, c := range alphabet {
		all += c.count
	}
	n := float64(len(text))
	within := func(found, share, of float64) bool {
		return math.Abs(found-share*of) <= sigmas*math.Sqrt(share*(1-share)*of)
	}
	known, pairs, pairShare := 0.0, 0.0, 0.0
	for _, c := range alphabet {
		found := 0.0
		for i := range len(text) {
			if !c.has(text[i]) {
				continue
			}
			found++
			if i > 0 && c.has(text[i-1]) {
				pairs++
			}
		}
		if !within(found, c.count/all, n) {
			return 0, false
		}
		known += found
		pairShare += c.count / all * c.count / all
	}
	return math.Log2(all), known == n && n > 1 && within(pairs, pairShare, n-1)
}

// fresh counts the characters that do not belong to four or more that stood
// before, nor go on from the two before them as in abc, 321 or aaa.
func fresh(text string) int {
	const few = 4
	old := make([]bool, len(text))
	for i := range text {
		if i >= 2 && text[i]-text[i-1] == text[i-1]-text[i-2] && text[i]-text[i-1]+1 <= 2 {
			old[i] = true
		}
		if i+few <= len(text) && strings.Contains(text[:i+few-1], text[i:i+few]) {
			for j := range few {
				old[i+j] = true
			}
		}
	}
	count := 0
	for _, is := range old {
		if !is {
			count++
		}
	}
	return count
}
