package manifest

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

var errorLine = regexp.MustCompile(`\bline (\d+): `)

// Explain returns what an error of Read or ReadLast says of YAML that parses, and what to
// do, without the values that the library may quote. line counts from 1, and is 0 where the
// error does not say which it is.
func Explain(err error) (line int, message, hint string) {
	message, hint = "this YAML cannot be read as plain data", "Use only mappings with plain keys, lists, text, numbers, true, false and null."
	switch text := err.Error(); {
	case strings.Contains(text, "excessive aliasing"):
		message, hint = "the aliases expand to too much", "Write the values out instead of repeating them by aliases."
	case strings.Contains(text, "contains itself"):
		message, hint = "an anchor's value contains an alias of itself", "Write the value out."
	case errors.Is(err, ErrSameKey):
		message, hint = "a mapping has a key twice, once from << and in another form, such as 1 and 1.0", "Write each key in one form."
	case strings.Contains(text, "map key"):
		message, hint = "a key of a mapping is null, a list or a mapping", "Keys are plain text; quote text such as null or ~."
	case strings.Contains(text, "map merge"):
		message, hint = "<< merges something that is not a mapping", "Give << an alias of a mapping, or a list of such aliases."
	case strings.Contains(text, "unsupported value"):
		message, hint = ".inf and .nan are not values of JSON", "Write a number, or quote it as text."
	}
	if m := errorLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
	}
	return line, message, hint
}
