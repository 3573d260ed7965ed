package fleet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kasou/pipelines/position"
)

// Edit is a change to a file that a person wrote.
type Edit struct {
	// File is relative to the repo's root.
	File     string
	Old, New []byte
}

// SetChartVersion gives the edit that makes c's chart version another, where
// it is written: in its spec.yaml or in the defaults of fleet.yaml. Comments,
// order and quotes stay. It fails where the version does not stand as a plain
// text, such as behind an alias, and says which file to edit by hand.
func (c Cluster) SetChartVersion(version string) (Edit, error) {
	keys := []string{"spec", "chart", "version"}
	edit := Edit{File: c.File}
	if !c.document.Has(keys...) {
		keys = []string{"spec", "defaults", "chart", "version"}
		edit.File = c.fleet.File
	}
	root, err := os.OpenRoot(c.fleet.Root)
	if err != nil {
		return edit, err
	}
	defer root.Close()
	if edit.Old, err = root.ReadFile(filepath.FromSlash(edit.File)); err != nil {
		return edit, err
	}
	edit.New, err = replaceScalar(edit.Old, keys, c.Spec.Chart.Version, version)
	if err != nil {
		return edit, fmt.Errorf("%s: %w: set chart.version to %s by hand", edit.File, err, version)
	}
	return edit, nil
}

var errNotPlain = errors.New("the version does not stand there as plain text")

// replaceScalar replaces the text of one scalar and proves that nothing else
// has changed its place.
func replaceScalar(data []byte, keys []string, old, replacement string) ([]byte, error) {
	document, err := position.Parse(data, 0)
	if err != nil {
		return nil, err
	}
	line, column := document.At(keys...)
	lines := strings.SplitAfter(string(data), "\n")
	if line > len(lines) {
		return nil, errNotPlain
	}
	text := []rune(lines[line-1])
	if column > len(text) {
		return nil, errNotPlain
	}
	before, after := string(text[:column-1]), string(text[column-1:])
	for _, quote := range []string{"", `"`, "'"} {
		if rest, ok := strings.CutPrefix(after, quote+old+quote); ok && endsScalar(rest, quote) {
			lines[line-1] = before + quote + replacement + quote + rest
			return []byte(strings.Join(lines, "")), nil
		}
	}
	return nil, errNotPlain
}

// endsScalar says whether a plain scalar that rest follows has ended.
func endsScalar(rest, quote string) bool {
	return quote != "" || rest == "" || strings.ContainsAny(rest[:1], " \t\r\n,}]")
}
