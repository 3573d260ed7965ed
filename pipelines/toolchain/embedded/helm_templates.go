package embedded

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// keptTemplates are a chart's templates, parsed once and executed for many
// releases. Helm's engine parses them for every Render and keeps nothing, so this
// is one Render that does not end: a template of ours takes one release after the
// other from Go, and has Helm's own `include` execute the chart's templates for
// each. See docs/adr/0011-parsed-once.md.
type keptTemplates struct {
	// names are those of the templates to execute, in Helm's order.
	names    []string
	basePath string
	jobs     chan *execution
	// ended is closed when the Render is over, which only an error does.
	ended chan struct{}
	now   *execution
}

// execution is what the templates give for one release.
type execution struct {
	top      chartutil.Values
	name     string // of the template at work
	rendered map[string]string
	done     chan struct{}
}

// driver is the template of ours. What it ranges over never ends.
const driver = `{{ call .Release.begin . }}{{ range $name, $context := .Release.work }}{{ call $.Release.take (include $name $context) }}{{ end }}`

// keepTemplates starts the Render of a chart without dependencies, for as long
// as the process lives or until an error.
func keepTemplates(ch *chart.Chart, caps *chartutil.Capabilities) *keptTemplates {
	k := &keptTemplates{
		basePath: path.Join(ch.ChartFullPath(), "templates"),
		jobs:     make(chan *execution), ended: make(chan struct{}),
	}
	depth := 0
	for _, t := range ch.Templates {
		name := path.Join(ch.ChartFullPath(), t.Name)
		depth = max(depth, strings.Count(name, "/"))
		if !strings.HasPrefix(path.Base(name), "_") && !slices.Contains(k.names, name) {
			k.names = append(k.names, name)
		}
	}
	slices.SortFunc(k.names, helmOrder)
	// Helm executes the deepest path first.
	first := &chart.File{Name: "templates" + strings.Repeat("/kasou", depth+1), Data: []byte(driver)}
	driven := &chart.Chart{Metadata: ch.Metadata, Files: ch.Files, Templates: append(slices.Clone(ch.Templates), first)}
	go k.serve(driven, caps)
	return k
}

// helmOrder is the order in which Helm's engine executes templates, which
// matters to those that change the values they share: the deepest path first, and
// the last by name (sortTemplates in helm's pkg/engine).
func helmOrder(a, b string) int {
	return cmp.Or(cmp.Compare(strings.Count(b, "/"), strings.Count(a, "/")), strings.Compare(b, a))
}

// serve is the one Render.
func (k *keptTemplates) serve(driven *chart.Chart, caps *chartutil.Capabilities) {
	defer close(k.ended)
	var base map[string]any
	_, _ = engine.Engine{}.Render(driven, chartutil.Values{
		"Capabilities": caps, "Values": chartutil.Values{},
		"Release": map[string]any{
			"begin": func(context map[string]any) string { base = context; return "" },
			"work":  func(yield func(string, map[string]any) bool) { k.work(base, yield) },
			"take":  k.take,
		},
	}) // whoever waits for a release renders it again without us, and gets the error
}

// work passes on the templates' names, each with what it is to see, of one release
// after the other.
func (k *keptTemplates) work(base map[string]any, yield func(string, map[string]any) bool) {
	for k.now = range k.jobs {
		// One map for all templates of a release: what one sets, the next sees.
		context := map[string]any{
			"Chart": base["Chart"], "Files": base["Files"], "Subcharts": map[string]any{},
			"Release": k.now.top["Release"], "Capabilities": k.now.top["Capabilities"], "Values": k.now.top["Values"],
		}
		for _, k.now.name = range k.names {
			context["Template"] = chartutil.Values{"Name": k.now.name, "BasePath": k.basePath}
			if !yield(k.now.name, context) {
				return
			}
		}
		close(k.now.done)
	}
}

// take gets what one template gave. Helm takes these words out of every file: Go
// writes them for a value that is not there.
func (k *keptTemplates) take(text string) string {
	k.now.rendered[k.now.name] = strings.ReplaceAll(text, "<no value>", "")
	return ""
}

// execute returns the text of each template for the values in top. It is not ok
// where a template fails, and then the templates are not kept any longer.
func (k *keptTemplates) execute(top chartutil.Values) (rendered map[string]string, ok bool) {
	e := &execution{top: top, rendered: make(map[string]string, len(k.names)), done: make(chan struct{})}
	select {
	case k.jobs <- e:
	case <-k.ended:
		return nil, false
	}
	select {
	case <-e.done:
		return e.rendered, true
	case <-k.ended:
		return nil, false
	}
}
