package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"kasou/pipelines/finding"
)

// validate holds content to the schema, reports each problem at its place, and
// keeps the rest, so that the later checks find what else is wrong.
func (src *source) validate(s *schema, content any) {
	src.raw, _ = content.(map[string]any)
	var failed *jsonschema.ValidationError
	if !errors.As(s.compiled.Validate(content), &failed) {
		return
	}
	problems := leaves(failed, nil)
	slices.SortFunc(problems, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(rank(a), rank(b)))
	})
	var typed []string // the last path with a value of the wrong type
	for _, p := range problems {
		if typed != nil && slices.Equal(typed, p.InstanceLocation) {
			continue // a wrong type breaks every other keyword too
		}
		if _, ok := p.ErrorKind.(*kind.Type); ok {
			typed = p.InstanceLocation
		}
		src.problem(s, p)
	}
	if len(typed) == 0 && typed != nil {
		src.raw = nil
	}
}

func leaves(e *jsonschema.ValidationError, found []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return append(found, e)
	}
	for _, cause := range e.Causes {
		found = leaves(cause, found)
	}
	return found
}

func rank(e *jsonschema.ValidationError) int {
	if _, ok := e.ErrorKind.(*kind.Type); ok {
		return 0
	}
	return 1
}

// problem makes the findings of one broken keyword.
func (src *source) problem(s *schema, p *jsonschema.ValidationError) {
	path := p.InstanceLocation
	switch k := p.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		unknown := slices.Sorted(slices.Values(k.Properties))
		for _, key := range unknown {
			child := append(slices.Clone(path), key)
			line, column := src.document.KeyAt(child...)
			src.report(line, column, RuleUnknownField, fmt.Sprintf("unknown field %q", key), s.hintForUnknown(path, key))
			src.drop(child)
		}
	case *kind.Required:
		for _, key := range k.Missing {
			src.missing(s, path, key)
		}
	case *kind.Type:
		src.wrongType(path, k)
	case *kind.Enum:
		src.at(path, RuleWrongValue, fmt.Sprintf("%s %s is not known", dotted(path), quoted(k.Got)),
			"Write "+choices(k.Want)+".")
	case *kind.Pattern:
		src.pattern(path)
	case *kind.MinLength, *kind.MinItems:
		src.at(path, RuleEmptyValue, dotted(path)+" is empty", "Give it a value, or remove the key.")
	case *kind.MaxLength:
		// The check of names says why, and what the limit is made of.
	default:
		src.at(path, RuleWrongValue, dotted(path)+" has a value that is not allowed", "See its description in the JSON schema.")
	}
}

// at reports at the key of path and takes the value out.
func (src *source) at(path []string, rule finding.Rule, message, hint string) {
	line, column := src.document.KeyAt(path...)
	src.report(line, column, rule, message, hint)
	src.refuse(path)
}

func (src *source) missing(s *schema, parent []string, key string) {
	line, column := src.document.KeyAt(parent...)
	path := append(slices.Clone(parent), key)
	hint := "Add it."
	if example := example(s.at(path)); example != "" {
		hint = fmt.Sprintf("Add it, such as %s: %s.", key, example)
	}
	src.report(line, column, RuleMissingField, dotted(path)+" is missing", hint)
	src.refused = append(src.refused, path)
}

// example returns a value that the field can have, from the schema.
func example(field map[string]any) string {
	for _, keyword := range []string{"enum", "examples"} {
		if values, _ := field[keyword].([]any); len(values) > 0 {
			return fmt.Sprint(values[0])
		}
	}
	return ""
}

var typeWords = map[string]string{
	"object": "a mapping", "array": "a list", "string": "text", "null": "empty",
	"boolean": "true or false", "number": "a number", "integer": "a number",
}

func (src *source) wrongType(path []string, k *kind.Type) {
	want := k.Want[0]
	name := dotted(path)
	if len(path) == 0 {
		name = "the file"
	}
	if k.Got == "null" {
		hint := "Give it a value, or remove the key."
		if want == "object" {
			hint = "Write {} where nothing is to be in it, or remove the key; what belongs below it is indented."
		}
		src.at(path, RuleEmptyValue, name+" is empty", hint)
		return
	}
	hint := fmt.Sprintf("Write %s.", typeWords[want])
	switch {
	case want == "string" && k.Got != "object" && k.Got != "array":
		hint = "Put the value in quotes: YAML reads it as " + typeWords[k.Got] + " otherwise."
	case want == "boolean" && k.Got == "string":
		hint = "Write true or false, without quotes."
	case want == "object":
		hint = "Write keys and values below it, indented."
	case want == "array":
		hint = "Write a list: [one, two]."
	}
	src.at(path, RuleWrongType, fmt.Sprintf("%s must be %s, and is %s", name, typeWords[want], typeWords[k.Got]), hint)
}

// pattern says what the schema's regular expression means. The value stays
// out of the message: a URL can hold a password.
func (src *source) pattern(path []string) {
	message, hint := "has a form that is not allowed", "See its description in the JSON schema."
	switch path[len(path)-1] {
	case "repository":
		message, hint = "is not the URL of a chart repository", "It begins with https://, http:// or oci://; a chart in this repo is named by chart.path."
	case "kubernetesVersion":
		message, hint = "is not a Kubernetes version", "Write it as `kubectl version` shows the server's, such as 1.34.1."
	}
	src.at(path, RuleWrongValue, dotted(path)+" "+message, hint)
}

func dotted(path []string) string { return strings.Join(path, ".") }

// quoted shows a value, cut where it is long.
func quoted(value any) string {
	return strconv.Quote(finding.Short(fmt.Sprint(value), 40))
}

func choices[T any](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
