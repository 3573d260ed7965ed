package render

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
)

// pathFindings says which rendered files cannot be written below manifests/ on
// every system that git checks out on.
func pathFindings(c fleet.Cluster, files manifest.Files) finding.List {
	var found finding.List
	add := func(name, what string) {
		found = append(found, c.Finding(finding.Error, RulePath, []string{"spec", "chart"},
			fmt.Sprintf("the chart renders a file %q, %s", name, what),
			"The chart needs other file names; use another version of it, or a copy with the files renamed."))
	}
	folded := map[string]string{} // folded path → the file that has it
	for _, name := range files.Paths() {
		if what := unsafe(name); what != "" {
			add(name, what)
			continue
		}
		key := fold(name)
		if other, ok := folded[key]; ok {
			add(name, fmt.Sprintf("which is the same as %q where case, or how an accent is written, does not count", other))
			continue
		}
		folded[key] = name
	}
	for _, name := range files.Paths() {
		for dir := path.Dir(fold(name)); dir != "." && dir != "/"; dir = path.Dir(dir) {
			if other, ok := folded[dir]; ok {
				add(name, fmt.Sprintf("below %q, which is a file", other))
				break
			}
		}
	}
	return found
}

// fold returns what two paths have in common that are one to a file system which
// folds case and normalizes, as those of macOS and Windows do.
func fold(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
		}
	}
	return strings.ToLower(name)
}

// unsafe says why a path must not be joined to manifests/, or nothing.
func unsafe(name string) string {
	first, _, below := strings.Cut(name, "/")
	switch {
	case !fs.ValidPath(name):
		return "which leads out of its folder or is not clean"
	case !below || strings.EqualFold(first, layout.Namespace):
		return "where kasou's own files stand"
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(`\<>:"|?*`, r) }):
		return "with characters that not every file system takes"
	}
	return ""
}

func dotted(path []string) string {
	if len(path) == 0 {
		return "as a whole"
	}
	return strings.Join(path, ".")
}
