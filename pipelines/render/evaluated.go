package render

import (
	"regexp"
	"slices"
)

var (
	action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	word   = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// codeWord is a word inside of {{ }} in text that is not known to be a
// template.
type codeWord struct {
	name       string
	start, end int
}

// codeWords gives the words that may be functions: not fields, nor variables.
func codeWords(text string) []codeWord {
	var found []codeWord
	for _, a := range action.FindAllStringIndex(text, -1) {
		for _, m := range word.FindAllStringIndex(text[a[0]:a[1]], -1) {
			start, end := a[0]+m[0], a[0]+m[1]
			if before := text[start-1]; before != '.' && before != '$' {
				found = append(found, codeWord{text[start:end], start, end})
			}
		}
	}
	return found
}

func calls(text string) []string {
	var names []string
	for _, w := range codeWords(text) {
		names = append(names, w.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// evaluated looks for template code in the chart's values and other files,
// where `tpl` may find it.
func (w *walker) evaluated(files map[string]string) {
	for name, text := range files {
		if isTemplate(name) {
			continue
		}
		found, includes := textSites(name, text)
		w.sites = append(w.sites, found...)
		if includes {
			w.reachAll()
		}
	}
}

// textSites gives the impure calls in text that `tpl` may get, and whether it
// includes templates. Only functions without arguments can be rewritten there:
// what stands around is not known to parse.
func textSites(file, text string) (found []site, includes bool) {
	for _, w := range codeWords(text) {
		if w.name == "include" || w.name == "template" {
			includes = true
		}
		rewrite, ok := impure[w.name]
		if !ok {
			continue
		}
		if w.name != "now" && w.name != "uuidv4" {
			rewrite = nil
		}
		found = append(found, site{
			file: file, line: lineAt(text, w.start), function: w.name,
			call: call{start: w.start, end: w.end}, rewrite: rewrite, loose: true,
		})
	}
	return found, includes
}
