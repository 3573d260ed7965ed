package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// hintForUnknown says what the author of an unknown key most likely meant.
func (s *schema) hintForUnknown(parent []string, key string) string {
	known := s.keys(parent)
	if near := Nearest(key, known); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	for _, home := range append(s.homes(parent, key), s.homes(nil, key)...) {
		if len(home) > 0 && !slices.Contains(home, "defaults") {
			return fmt.Sprintf("It belongs below %s.", strings.Join(home, "."))
		}
	}
	if len(known) == 0 {
		return "Remove it."
	}
	return "Known here: " + strings.Join(known, ", ") + "."
}

// Nearest returns the candidate that word was most likely meant to be; "" where
// none is close. Letter case does not count.
func Nearest(word string, candidates []string) string {
	limit := min(1+len(word)/4, 3)
	best := ""
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d <= limit && d < len(candidate) {
			best, limit = candidate, d-1
		}
	}
	return best
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
