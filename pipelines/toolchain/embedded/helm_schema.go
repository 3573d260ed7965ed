package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chartutil"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
)

// schemaURL is the base that Helm gives a values.schema.json.
const schemaURL = "file:///values.schema.json"

// schemas holds the compiled values.schema.json of a chart and its subcharts,
// by their text. Helm compiles them again for every render, which for vcluster
// 0.36 takes longer than all the rest of it.
type schemas map[string]func() (*jsonschema.Schema, error)

// schemaChart is what the schemas of a chart hang on, whichever Helm loaded it.
type schemaChart struct {
	name, path   string
	schema       []byte
	dependencies []schemaChart
}

func schemaChartOf[C helmChart[C]](ch C, schema func(C) []byte) schemaChart {
	s := schemaChart{name: ch.Name(), path: ch.ChartFullPath(), schema: schema(ch)}
	for _, sub := range ch.Dependencies() {
		s.dependencies = append(s.dependencies, schemaChartOf(sub, schema))
	}
	return s
}

// validate says what Helm's ValidateAgainstSchema says, with the same verdict
// for every schema that stays inside its file.
func (s schemas) validate(ch schemaChart, values map[string]any) error {
	problems, err := s.problems(ch, values, nil)
	if err != nil {
		return err
	}
	if len(problems) == 0 {
		return nil
	}
	return verdict.Schema(problems)
}

// problems goes down into the subcharts; path is the one to the chart's values.
func (s schemas) problems(ch schemaChart, values map[string]any, path []string) ([]toolchain.Problem, error) {
	var found []toolchain.Problem
	if ch.schema != nil {
		own, err := s.validateOne(ch.schema, values, path)
		if err != nil {
			return nil, &toolchain.ChartError{Message: fmt.Sprintf("%s/values.schema.json: %v", ch.path, err)}
		}
		found = append(found, own...)
	}
	for _, sub := range ch.dependencies {
		raw, ok := values[sub.name]
		if !ok || raw == nil {
			continue
		}
		below := append(append([]string{}, path...), sub.name)
		table, ok := raw.(map[string]any)
		if !ok {
			found = append(found, toolchain.Problem{Path: below, Message: fmt.Sprintf("got %T, want the subchart's values", raw)})
			continue
		}
		more, err := s.problems(sub, table, below)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func (s schemas) validateOne(text []byte, values map[string]any, path []string) (found []toolchain.Problem, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unable to validate: %v", r)
		}
	}()
	compiled, ok := s[string(text)]
	if !ok {
		compiled = sync.OnceValues(func() (*jsonschema.Schema, error) { return compileSchema(text) })
		s[string(text)] = compiled
	}
	schema, err := compiled()
	if err != nil {
		return nil, err
	}
	err = schema.Validate(chartutil.Values(values).AsMap())
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return verdict.Tidy(leaves(invalid, path)), nil
	}
	return nil, err
}

func compileSchema(text []byte) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(sealedLoader{})
	if err := compiler.AddResource(schemaURL, document); err != nil {
		return nil, err
	}
	return compiler.Compile(schemaURL)
}

// sealedLoader loads nothing: a chart must not read this machine's files or
// dial out, both of which Helm's own loader does. An unknown urn: holds for
// every value, as in Helm.
type sealedLoader struct{}

func (sealedLoader) Load(url string) (any, error) {
	if strings.HasPrefix(url, "urn:") {
		return true, nil
	}
	return nil, fmt.Errorf("it refers to %s, outside of the chart; only references within the file are followed", url)
}
