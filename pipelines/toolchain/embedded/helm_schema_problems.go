package embedded

import (
	"cmp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"kasou/pipelines/toolchain"
)

// maxProblems bounds what one render says about its values.
const maxProblems = 50

var english = message.NewPrinter(language.English)

// schemaProblems gives the innermost reasons, each at its value, sorted: the
// validator walks maps in no order.
func schemaProblems(e *jsonschema.ValidationError, prefix []string) []toolchain.Problem {
	found := leaves(e, prefix)
	slices.SortFunc(found, func(a, b toolchain.Problem) int {
		return cmp.Or(slices.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	found = slices.CompactFunc(found, func(a, b toolchain.Problem) bool {
		return slices.Equal(a.Path, b.Path) && a.Message == b.Message
	})
	return found[:min(len(found), maxProblems)]
}

func leaves(e *jsonschema.ValidationError, prefix []string) []toolchain.Problem {
	path := append(slices.Clone(prefix), e.InstanceLocation...)
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		if len(e.Causes) > 0 {
			return []toolchain.Problem{{Path: path, Message: "fits none of the allowed forms: " + branches(e, prefix)}}
		}
	case *kind.AdditionalProperties:
		var found []toolchain.Problem
		for _, name := range k.Properties {
			found = append(found, toolchain.Problem{Path: append(slices.Clone(path), name), Message: "the chart knows no such value"})
		}
		return found
	}
	if len(e.Causes) == 0 {
		return []toolchain.Problem{{Path: path, Message: e.ErrorKind.LocalizedString(english)}}
	}
	var found []toolchain.Problem
	for _, cause := range e.Causes {
		found = append(found, leaves(cause, prefix)...)
	}
	return found
}

// branches says why each form of an anyOf or oneOf was not met.
func branches(e *jsonschema.ValidationError, prefix []string) string {
	var said []string
	for _, cause := range e.Causes {
		for _, p := range leaves(cause, prefix) {
			said = append(said, dotted(p.Path)+": "+p.Message)
		}
	}
	slices.Sort(said)
	return strings.Join(slices.Compact(said), " | ")
}

func dotted(path []string) string {
	if len(path) == 0 {
		return "values"
	}
	return strings.Join(path, ".")
}
