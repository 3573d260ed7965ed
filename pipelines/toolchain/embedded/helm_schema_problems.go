package embedded

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
)

var english = message.NewPrinter(language.English)

// leaves returns the innermost reasons, each at its value, in no order: the validator
// walks maps.
func leaves(e *jsonschema.ValidationError, prefix []string) []toolchain.Problem {
	path := append(slices.Clone(prefix), e.InstanceLocation...)
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		if len(e.Causes) > 0 {
			return []toolchain.Problem{{Path: path, Message: verdict.NoForm + branches(e, prefix)}}
		}
	case *kind.AdditionalProperties:
		var found []toolchain.Problem
		for _, name := range k.Properties {
			found = append(found, toolchain.Problem{Path: append(slices.Clone(path), name), Message: verdict.UnknownValue})
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
	var below []toolchain.Problem
	for _, cause := range e.Causes {
		below = append(below, leaves(cause, prefix)...)
	}
	return verdict.Branches(below)
}
