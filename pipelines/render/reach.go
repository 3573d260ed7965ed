package render

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template/parse"
)

// site is one call of a function that may make a render differ from itself.
type site struct {
	// file is its path in the chart; empty for the cluster's own values.
	file string
	line int
	// function is its name, such as now.
	function string
	call     call
	// rewrite makes worlds of it; nil where that cannot be done.
	rewrite rewrite
	// loose is a call in text that may be a template or not.
	loose bool
}

// analysis is what a chart's templates can reach.
type analysis struct {
	// chart is Chart.yaml's name: template names start with it.
	chart string
	files map[string]string
	sites []site
	// lookups are calls of `lookup` that can be reached.
	lookups []site
	// evaluates says that `tpl` is reached with text that is not in the
	// template, so that values can hold template code.
	evaluates bool
}

// parsed is a template and the file that it stands in.
type parsed struct {
	file string
	tree *parse.Tree
}

var analyses sync.Map // digest → func() *analysis

// analyse gives the analysis of a chart, made once for each digest. A chart
// that does not parse here has none: Helm says what is wrong with it.
func analyse(digest string, archive []byte) *analysis {
	made, _ := analyses.LoadOrStore(digest, sync.OnceValue(func() *analysis {
		files, err := unpack(archive)
		if err != nil {
			return &analysis{}
		}
		return analyseFiles(files)
	}))
	return made.(func() *analysis)()
}

func analyseFiles(files map[string]string) *analysis {
	w := &walker{
		analysis: &analysis{chart: chartName(files["Chart.yaml"]), files: files},
		defined:  map[string][]parsed{}, seen: map[*parse.Tree]bool{},
	}
	var rendered []string
	for name, text := range files {
		if !isTemplate(name) {
			continue
		}
		w.define(name, text)
		if base := path.Base(name); !strings.HasPrefix(base, "_") && !strings.HasSuffix(base, "NOTES.txt") {
			rendered = append(rendered, name)
		}
	}
	slices.Sort(rendered)
	for _, name := range rendered {
		w.reach(name)
	}
	if w.evaluates {
		w.evaluated(files)
	}
	order := func(a, b site) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.call.start, b.call.start))
	}
	slices.SortFunc(w.sites, order)
	slices.SortFunc(w.lookups, order)
	return w.analysis
}

var chartNameLine = regexp.MustCompile(`(?m)^name:\s*["']?([^"'\s#]+)`)

func chartName(chartYAML string) string {
	if m := chartNameLine.FindStringSubmatch(chartYAML); m != nil {
		return m[1]
	}
	return "chart"
}

// isTemplate says whether Helm parses the file, in the chart or a subchart.
func isTemplate(name string) bool {
	for {
		rest, sub := strings.CutPrefix(name, "charts/")
		if !sub {
			return strings.HasPrefix(name, "templates/")
		}
		_, name, _ = strings.Cut(rest, "/")
	}
}

// walker goes through the templates from the files that Helm writes.
type walker struct {
	*analysis
	defined map[string][]parsed
	seen    map[*parse.Tree]bool
}

// define parses a file and enters its templates. Charts may define one name
// twice; which one Helm takes is not asked, all are followed.
func (w *walker) define(file, text string) {
	t := parse.New(file)
	t.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := t.Parse(text, "", "", set); err != nil {
		return
	}
	for name, tree := range set {
		w.defined[name] = append(w.defined[name], parsed{file, tree})
	}
}

func (w *walker) reach(name string) {
	for _, p := range w.defined[name] {
		if !w.seen[p.tree] && p.tree.Root != nil {
			w.seen[p.tree] = true
			w.walk(p.file, p.tree.Root)
		}
	}
}

// reachAll is for names that only a render knows.
func (w *walker) reachAll() {
	for name := range w.defined {
		w.reach(name)
	}
}

func (w *walker) walk(file string, node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, below := range n.Nodes {
				w.walk(file, below)
			}
		}
	case *parse.ActionNode:
		w.pipe(file, n.Pipe)
	case *parse.IfNode:
		w.branch(file, &n.BranchNode)
	case *parse.RangeNode:
		w.branch(file, &n.BranchNode)
	case *parse.WithNode:
		w.branch(file, &n.BranchNode)
	case *parse.TemplateNode:
		w.pipe(file, n.Pipe)
		w.reach(n.Name)
	}
}

func (w *walker) branch(file string, n *parse.BranchNode) {
	w.pipe(file, n.Pipe)
	w.walk(file, n.List)
	w.walk(file, n.ElseList)
}

func (w *walker) pipe(file string, p *parse.PipeNode) {
	if p == nil {
		return
	}
	for i, command := range p.Cmds {
		for j, arg := range command.Args {
			w.argument(file, command, arg, j == 0, j == 0 && i > 0)
		}
	}
}

func (w *walker) argument(file string, command *parse.CommandNode, arg parse.Node, first, piped bool) {
	switch n := arg.(type) {
	case *parse.PipeNode:
		w.pipe(file, n)
	case *parse.ChainNode:
		w.argument(file, command, n.Node, false, false)
	case *parse.IdentifierNode:
		start := int(n.Position())
		w.function(file, command, n.Ident, call{start, start + len(n.Ident), first, piped})
	}
}

func (w *walker) function(file string, command *parse.CommandNode, name string, c call) {
	rewrite, isImpure := impure[name]
	s := site{file: file, line: lineAt(w.files[file], c.start), function: name, call: c, rewrite: rewrite}
	switch {
	case isImpure:
		w.sites = append(w.sites, s)
	case name == "lookup":
		w.lookups = append(w.lookups, s)
	case name == "include":
		if text, ok := literalArgument(command); ok {
			w.reach(w.fileOf(text))
		} else {
			w.reachAll()
		}
	case name == "tpl":
		if text, ok := literalArgument(command); !ok {
			w.evaluates = true
		} else {
			w.inline(s, text)
		}
	}
}

// fileOf gives the name under which define entered a template: a file is
// included by its name with the chart's in front.
func (w *walker) fileOf(name string) string {
	if file, ok := strings.CutPrefix(name, w.chart+"/"); ok {
		if _, isFile := w.files[file]; isFile {
			return file
		}
	}
	return name
}

func literalArgument(command *parse.CommandNode) (string, bool) {
	if len(command.Args) < 2 {
		return "", false
	}
	text, ok := command.Args[1].(*parse.StringNode)
	if !ok {
		return "", false
	}
	return text.Text, true
}

// inline is `tpl` of text in the template: what it calls counts, at the line of
// the `tpl`, but cannot be rewritten.
func (w *walker) inline(at site, text string) {
	for _, name := range calls(text) {
		if _, ok := impure[name]; ok {
			w.sites = append(w.sites, site{file: at.file, line: at.line, function: name, call: at.call})
		}
		if name == "include" || name == "template" {
			w.reachAll()
		}
	}
}

func lineAt(text string, offset int) int {
	return 1 + strings.Count(text[:min(offset, len(text))], "\n")
}
