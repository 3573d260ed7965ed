// Package explain says why an object breaks the schema of its kind: field by
// field, and without quoting values.
package explain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"github.com/yannh/kubeconform/pkg/registry"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
)

// Explainer says why documents break their schemas: kubeconform's output names
// only the outermost field, and quotes values, which may be secret.
type Explainer struct {
	schemas toolchain.Schemas
	mu      sync.Mutex
	known   map[string]*jsonschema.Schema
}

// New returns an explainer for documents that kubeconform found invalid
// with these schemas.
func New(schemas toolchain.Schemas) *Explainer {
	return &Explainer{schemas: schemas, known: map[string]*jsonschema.Schema{}}
}

// Explain returns every problem of an invalid document, sorted by path; none of
// them quotes a value. It is empty where no problem is found.
func (e *Explainer) Explain(document manifest.Document) ([]toolchain.Problem, error) {
	schema, err := e.schema(document.Head.APIVersion, document.Head.Kind)
	if err != nil || schema == nil {
		return nil, err
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](schema.Validate(document.Object))
	if !ok {
		return nil, nil
	}
	return verdict.Sorted(leaves(invalid)), nil
}

// Holds reports whether the object conforms to the schema of its kind, which
// kubeconform's registry finds, as the library that kubeconform has judges it. False
// says nothing: kubeconform itself is to be asked.
func (e *Explainer) Holds(document manifest.Document) bool {
	schema, err := e.schema(document.Head.APIVersion, document.Head.Kind)
	return err == nil && schema != nil && document.Object != nil && schema.Validate(document.Object) == nil
}

// schema finds the schema that kubeconform took; nil if there is none.
func (e *Explainer) schema(apiVersion, kindName string) (*jsonschema.Schema, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := apiVersion + "\x00" + kindName
	if schema, ok := e.known[key]; ok {
		return schema, nil
	}
	for _, location := range e.schemas.Locations {
		files, err := registry.New(location, "", true, false, false)
		if err != nil {
			return nil, fmt.Errorf("explain: %w", err)
		}
		path, content, err := files.DownloadSchema(kindName, apiVersion, e.schemas.KubernetesVersion)
		if err != nil || content == nil {
			continue
		}
		compiler := jsonschema.NewCompiler()
		compiler.UseLoader(jsonschema.SchemeURLLoader{"file": jsonschema.FileLoader{}})
		compiler.DefaultDraft(jsonschema.Draft4)
		if err := compiler.AddResource(path, content); err != nil {
			continue
		}
		if schema, err := compiler.Compile(path); err == nil {
			e.known[key] = schema
			return schema, nil
		}
	}
	return nil, nil
}

// leaves returns the problems at the ends of the tree of causes.
func leaves(e *jsonschema.ValidationError) []toolchain.Problem {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		return alternatives(e)
	}
	if len(e.Causes) == 0 {
		return leaf(e)
	}
	var problems []toolchain.Problem
	for _, cause := range e.Causes {
		problems = append(problems, leaves(cause)...)
	}
	return problems
}

// alternatives speaks of the one alternative that was meant, where null is the
// only other one; else of the field as a whole.
func alternatives(e *jsonschema.ValidationError) []toolchain.Problem {
	var meant []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		if t, ok := cause.ErrorKind.(*kind.Type); ok && slices.Equal(t.Want, []string{"null"}) {
			continue
		}
		meant = append(meant, cause)
	}
	if len(meant) == 1 {
		return leaves(meant[0])
	}
	var reasons []string
	for _, cause := range meant {
		for _, p := range leaves(cause) {
			if !slices.Contains(reasons, p.Message) {
				reasons = append(reasons, p.Message)
			}
		}
	}
	text := "fits none of the forms that are allowed"
	if len(reasons) > 0 {
		text += ": " + strings.Join(reasons, "; or ")
	}
	return []toolchain.Problem{{Path: slices.Clone(e.InstanceLocation), Message: text}}
}

func leaf(e *jsonschema.ValidationError) []toolchain.Problem {
	path := slices.Clone(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		var problems []toolchain.Problem
		for _, name := range k.Properties {
			problems = append(problems, toolchain.Problem{Path: append(slices.Clone(path), name), Message: "unknown field"})
		}
		return problems
	case *kind.Required:
		var problems []toolchain.Problem
		for _, name := range k.Missing {
			problems = append(problems, toolchain.Problem{Path: path, Message: fmt.Sprintf("the field %q is missing", name)})
		}
		return problems
	}
	return []toolchain.Problem{{Path: path, Message: reason(e.ErrorKind)}}
}

// reason words a problem without the value at fault.
func reason(problem jsonschema.ErrorKind) string {
	switch k := problem.(type) {
	case *kind.Type:
		return fmt.Sprintf("is %s, must be %s", article(k.Got), words(k.Want))
	case *kind.Enum:
		var allowed []string
		for _, value := range k.Want {
			if value != nil {
				allowed = append(allowed, fmt.Sprint(value))
			}
		}
		return "must be " + strings.Join(allowed, " or ")
	case *kind.Pattern:
		return "does not match the pattern " + k.Want
	case *kind.Format:
		return "is not a valid " + k.Want
	case *kind.Const, *kind.MinLength, *kind.MaxLength, *kind.MinItems, *kind.MaxItems, *kind.UniqueItems,
		*kind.MinProperties, *kind.MaxProperties, *kind.Dependency, *kind.DependentRequired, *kind.Not:
		return problem.LocalizedString(message.NewPrinter(language.English))
	}
	return "breaks the rule " + strings.Join(problem.KeywordPath(), ".") + " of its schema"
}

func words(types []string) string {
	var named []string
	for _, t := range types {
		if t != "null" {
			named = append(named, article(t))
		}
	}
	return strings.Join(named, " or ")
}

func article(name string) string {
	switch name {
	case "null":
		return "null"
	case "array":
		return "a list"
	case "integer", "object":
		return "an " + name
	}
	return "a " + name
}
