package render

import (
	"bytes"
	"path"
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
		"the chart calls `lookup`, which finds nothing where manifests are rendered without a cluster: "+strings.Join(at, ", "),
		"where the chart has a value for what it looks up, set it")}
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
		return at
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
		var lines []int
		for _, tree := range trees {
			lines = append(lines, callLines(text, tree.Root)...)
		}
		slices.Sort(lines)
		for _, line := range slices.Compact(lines) {
			at = append(at, place(name, line))
		}
	}
	for _, sub := range ch.Dependencies() {
		at = append(at, chartLookups(sub)...)
	}
	return at
}

// callLines returns the lines of the text on which `lookup` stands below a node.
func callLines(text string, nodes ...parse.Node) []int {
	var lines []int
	for _, node := range nodes {
		switch n := node.(type) {
		case *parse.ListNode:
			if n != nil {
				lines = append(lines, callLines(text, n.Nodes...)...)
			}
		case *parse.ActionNode:
			lines = append(lines, callLines(text, n.Pipe)...)
		case *parse.IfNode:
			lines = append(lines, callLines(text, n.Pipe, n.List, n.ElseList)...)
		case *parse.RangeNode:
			lines = append(lines, callLines(text, n.Pipe, n.List, n.ElseList)...)
		case *parse.WithNode:
			lines = append(lines, callLines(text, n.Pipe, n.List, n.ElseList)...)
		case *parse.TemplateNode:
			lines = append(lines, callLines(text, n.Pipe)...)
		case *parse.PipeNode:
			if n != nil {
				for _, command := range n.Cmds {
					lines = append(lines, callLines(text, command.Args...)...)
				}
			}
		case *parse.ChainNode:
			lines = append(lines, callLines(text, n.Node)...)
		case *parse.IdentifierNode:
			if n.Ident == "lookup" {
				lines = append(lines, 1+strings.Count(text[:n.Position()], "\n"))
			}
		}
	}
	return lines
}
