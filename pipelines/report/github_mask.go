package report

import (
	"encoding/base64"
	"slices"
	"strings"
)

// shortestMask keeps short ends of a PEM block from being masked all over the
// log. What is left of such a line is worth nothing.
const shortestMask = 8

// Mask tells the runner to hide a secret in all that follows: every line of it,
// since masks match within a line, and its base64. Outside Actions nothing is
// printed.
func (g *GitHub) Mask(secret string) {
	if g == nil {
		return
	}
	for _, m := range masks(secret) {
		g.action.AddMask(m)
	}
}

// masks returns the strings to hide. The runner itself adds the base64 of each
// at the other two offsets, and its JSON and URL forms.
func masks(secret string) []string {
	trimmed := strings.TrimSpace(secret)
	var out []string
	add := func(s string) {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	lines := strings.FieldsFunc(trimmed, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if len(lines) == 1 || len(line) >= shortestMask && !strings.HasPrefix(line, "-----") {
			add(line)
		}
	}
	if trimmed == "" {
		return nil
	}
	// Without padding it is found in text with padding too.
	for _, whole := range []string{secret, trimmed, trimmed + "\n"} {
		add(base64.RawStdEncoding.EncodeToString([]byte(whole)))
		add(base64.RawURLEncoding.EncodeToString([]byte(whole)))
	}
	return out
}
