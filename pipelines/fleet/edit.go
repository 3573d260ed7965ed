package fleet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"kasou/pipelines/position"
)

// Edit is a change to a file that a person wrote.
type Edit struct {
	// File is relative to the repo's root.
	File     string
	Old, New []byte
}

// OwnChartVersion reports whether the chart's version stands in the cluster's own
// spec.yaml, and not in fleet.yaml.
func (c Cluster) OwnChartVersion() bool { return c.document.Unfolded().Has(chartVersion...) }

var chartVersion = []string{"spec", "chart", "version"}

// SharedChartVersion returns where in fleet.yaml the chart's version stands that the
// cluster shares with others, such as spec.defaults.chart.version; empty where it stands
// in its spec.yaml or nowhere.
func (c Cluster) SharedChartVersion() string {
	if c.OwnChartVersion() {
		return ""
	}
	for _, place := range inherited(c.fleet.Spec.Classes, c.Spec.Class, chartVersion) {
		if c.fleet.document.Has(place...) {
			return strings.Join(place, ".")
		}
	}
	return ""
}

// SetChartVersion returns the edit that makes c's chart version another, where
// it is written: in its spec.yaml, or in its class or the defaults of fleet.yaml. Comments,
// order and quotes stay. It fails where the version does not stand as a plain
// text, such as behind an alias, and says which file to edit by hand. It goes on from the
// edit of the same file in before, where there is one.
func (c Cluster) SetChartVersion(version string, before map[string]Edit) (Edit, error) {
	keys, edit := chartVersion, Edit{File: c.File}
	if shared := c.SharedChartVersion(); shared != "" {
		keys, edit.File = strings.Split(shared, "."), c.fleet.File
	}
	var err error
	earlier, begun := before[edit.File]
	if edit.Old = earlier.Old; !begun {
		if edit.Old, err = c.fleet.read(edit.File); err != nil {
			return edit, err
		}
		earlier.New = edit.Old
	}
	edit.New, err = replaceScalar(earlier.New, keys, c.Spec.Chart.Version, version)
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

// endsScalar reports whether a plain scalar that rest follows has ended.
func endsScalar(rest, quote string) bool {
	return quote != "" || rest == "" || strings.ContainsAny(rest[:1], " \t\r\n,}]")
}

var errNotBlock = errors.New("its spec is not written as a block of lines")

// SetRetire returns the edit that makes c's spec.yaml say retire: true. Comments,
// order and quotes stay. It fails where the spec is not a block of lines, and says
// what to write by hand.
func (c Cluster) SetRetire() (Edit, error) {
	return c.setOwn("retire: true", withRetire)
}

// AddChartVersion returns the edit that gives c's spec.yaml a chart version of its
// own, over that of its class or the fleet's defaults. It fails where the spec says something of
// the chart already, or is not a block of lines, and says what to write by hand.
func (c Cluster) AddChartVersion(version string) (Edit, error) {
	line := "chart: {version: " + version + "}"
	return c.setOwn(line, func(data []byte) ([]byte, error) {
		return withLine(data, line, version, "spec", "chart", "version")
	})
}

// setOwn returns the edit that change makes of c's spec.yaml; line is what a person
// would write.
func (c Cluster) setOwn(line string, change func([]byte) ([]byte, error)) (Edit, error) {
	edit := Edit{File: c.File}
	var err error
	if edit.Old, err = c.fleet.read(edit.File); err != nil {
		return edit, err
	}
	if edit.New, err = change(edit.Old); err != nil {
		return edit, fmt.Errorf("%w: write %s below spec by hand", err, line)
	}
	return edit, nil
}

// read returns a file as it is on disk now.
func (f *Fleet) read(file string) ([]byte, error) {
	root, err := os.OpenRoot(f.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(filepath.FromSlash(file))
}

func withRetire(data []byte) ([]byte, error) {
	keys := []string{"spec", "retire"}
	document, err := position.Parse(data, 0)
	if err != nil {
		return nil, err
	}
	if document.Has(keys...) {
		return replaceScalar(data, keys, "false", "true")
	}
	return withLine(data, "retire: true", "true", keys...)
}

// withLine adds a line as the first below spec, and proves that want stands at the
// keys then.
func withLine(data []byte, added, want string, keys ...string) ([]byte, error) {
	document, err := position.Parse(data, 0)
	if err != nil {
		return nil, err
	}
	if document.Has(keys[:2]...) {
		return nil, errNotBlock
	}
	line, column := document.KeyAt("spec")
	lines := strings.SplitAfter(string(data), "\n")
	if line > len(lines) || column != 1 {
		return nil, errNotBlock
	}
	end := "\n"
	if strings.HasSuffix(lines[line-1], "\r\n") {
		end = "\r\n"
	}
	if empty := emptySpec.FindStringSubmatch(lines[line-1]); empty != nil {
		// As kasou new writes it; what stands below is comments.
		edited := strings.Join(lines[:line-1], "") + "spec:" + empty[1] + end + "  " + added + end + strings.Join(lines[line:], "")
		return proven([]byte(edited), want, keys)
	}
	// The next line with a key has the indentation of all of them.
	for _, next := range lines[line:] {
		text := strings.TrimLeft(next, " ")
		if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if !strings.HasPrefix(next, " ") {
			break
		}
		added := next[:len(next)-len(text)] + added + end
		edited := []byte(strings.Join(lines[:line], "") + added + strings.Join(lines[line:], ""))
		return proven(edited, want, keys)
	}
	return nil, errNotBlock
}

// emptySpec is a spec that says nothing.
var emptySpec = regexp.MustCompile(`^spec:[ \t]*\{[ \t]*\}([ \t]*(?:#[^\r\n]*)?)\r?\n?$`)

// proven returns the edited file where want stands at the keys.
func proven(edited []byte, want string, keys []string) ([]byte, error) {
	document, err := position.Parse(edited, 0)
	if err != nil {
		return nil, errNotBlock
	}
	if value, ok := document.Scalar(keys...); !ok || value != want {
		return nil, errNotBlock
	}
	return edited, nil
}
