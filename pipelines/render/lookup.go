package render

import (
	"bytes"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"text/template/parse"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
)

// lookupFindings notes once what never finds anything.
func lookupFindings(c fleet.Cluster, ch toolchain.Chart) finding.List {
	at := lookups(ch)
	if len(at) == 0 {
		return nil
	}
	return finding.List{c.Finding(finding.Note, RuleLookup, []string{"spec", "chart"},
		"the chart calls `lookup`, which finds nothing where manifests are rendered without a cluster: "+strings.Join(at, ", "), "")}
}

var lookupsByDigest sync.Map // chart digest → func() []string

// lookups returns the places of the calls of `lookup` in a chart's templates, such
// as vcluster/templates/service.yaml:1. A chart that does not load has none: Helm
// says what is wrong with it.
func lookups(ch toolchain.Chart) []string {
	find, _ := lookupsByDigest.LoadOrStore(ch.Digest, sync.OnceValue(func() []string {
		loaded, err := loader.LoadArchive(bytes.NewReader(ch.Archive))
		if err != nil {
			return nil
		}
		at := chartLookups(loaded)
		slices.Sort(at)
		return slices.Compact(at)
	}))
	return find.(func() []string)()
}

func chartLookups(ch *chart.Chart) []string {
	var at []string
	for _, file := range ch.Templates {
		name, text := path.Join(ch.ChartFullPath(), file.Name), string(file.Data)
		if !strings.Contains(text, "lookup") {
			continue
		}
		t, trees := parse.New(name), map[string]*parse.Tree{}
		t.Mode = parse.SkipFuncCheck
		if _, err := t.Parse(text, "", "", trees); err != nil {
			continue
		}
		for _, tree := range trees {
			walk(reflect.ValueOf(tree.Root), func(call *parse.IdentifierNode) {
				if call.Ident == "lookup" {
					at = append(at, place(name, 1+strings.Count(text[:call.Position()], "\n")))
				}
			})
		}
	}
	for _, sub := range ch.Dependencies() {
		at = append(at, chartLookups(sub)...)
	}
	return at
}

// walk visits the names of functions at and below a node.
func walk(v reflect.Value, visit func(*parse.IdentifierNode)) {
	switch v.Kind() {
	case reflect.Pointer:
		if call, ok := v.Interface().(*parse.IdentifierNode); ok {
			visit(call)
		}
		walk(v.Elem(), visit)
	case reflect.Interface:
		walk(v.Elem(), visit)
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			if field.IsExported() {
				walk(value, visit)
			}
		}
	}
}
