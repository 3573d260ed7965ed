package difference

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"kasou/pipelines/layout"
)

// Change is one file that differs. Old and New are its contents, nil where there is no
// file.
type Change struct {
	// Path is relative to the repo's root.
	Path     string
	Old, New []byte
}

const (
	contextLines = 3
	// heading is how many lines of a unified diff name its files.
	heading = 2
)

// sameValues stands for a change without a differing value.
const sameValues = "! only the order of keys, comments or layout differ\n"

// Meaning returns what changes, for people: below each file's path a line for each value
// that goes ("- ") and comes ("+ "), or for what no value tells ("! "). Files that come
// and go have a line each. It never shows ciphertext, nor the digests of a lock. Control
// characters are written out.
func Meaning(changes []Change) string {
	var b strings.Builder
	renamed, rest := renames(changes)
	for _, c := range rest {
		if c.Old != nil && c.New != nil {
			if body := meaning(c); body != "" {
				b.WriteString(name(c.Path) + "\n" + body)
			}
		}
	}
	for _, r := range renamed {
		fmt.Fprintf(&b, "! %s is renamed to %s\n", name(r.from), name(r.Path))
		if !bytes.Equal(r.Old, r.New) {
			b.WriteString(meaning(r.Change))
		}
	}
	for _, c := range rest {
		switch {
		case c.Old == nil:
			fmt.Fprintf(&b, "+ %s (created)\n", name(c.Path))
		case c.New == nil:
			fmt.Fprintf(&b, "- %s (deleted)\n", name(c.Path))
		}
	}
	return b.String()
}

// name returns a path that cannot forge lines of its own: it may come from a chart.
func name(p string) string { return Visible(strings.ReplaceAll(p, "\n", `\n`)) }

// meaning returns the lines of one file that changes; none where only digests of a lock
// do.
func meaning(c Change) string {
	if path.Ext(c.Path) != ".yaml" {
		return hunks(c)
	}
	values, ok := Values(c.Old, c.New)
	if !ok {
		return hunks(c)
	}
	if base := path.Base(c.Path); base == layout.Lock || base == layout.FleetLock {
		values = slices.DeleteFunc(values, ofLock)
		if len(values) == 0 {
			return ""
		}
	}
	var b strings.Builder
	for _, v := range values {
		v.write(&b)
	}
	return Visible(cmp.Or(b.String(), sameValues))
}

// ofLock reports whether a value in a lock says nothing to people: digests, but that a
// chart is another, and the statements that kasou signs.
func ofLock(v Value) bool {
	field, _, _ := strings.Cut(v.Path, ".")
	return v.Note != "" && v.Path != "chart.digest" || v.Note == "" && isDigest(cmp.Or(v.Old, v.New)) && isDigest(cmp.Or(v.New, v.Old)) ||
		slices.Contains([]string{"files", "inputs", "sealed", "writing", "replaced", "replacedSealed"}, field)
}

func (v Value) write(b *strings.Builder) {
	switch {
	case v.Note != "":
		fmt.Fprintf(b, "! %s: %s\n", v.Path, v.Note)
	case v.Old != "" && v.New != "" && v.oldText+v.newText != "":
		fmt.Fprintf(b, "! %s:\n", v.Path)
		writeLines(b, cmp.Or(v.oldText, v.Old), cmp.Or(v.newText, v.New))
	default:
		writeValue(b, "-", v.Path, v.Old, v.oldText)
		writeValue(b, "+", v.Path, v.New, v.newText)
	}
}

func writeValue(b *strings.Builder, sign, path, line, text string) {
	switch {
	case line == "":
	case text == "":
		fmt.Fprintf(b, "%s %s: %s\n", sign, path, line)
	default:
		fmt.Fprintf(b, "%s %s:\n", sign, path)
		for line := range strings.Lines(text) {
			fmt.Fprintf(b, "%s     %s\n", sign, strings.TrimSuffix(line, "\n"))
		}
	}
}

// writeLines writes the lines in which two texts differ.
func writeLines(b *strings.Builder, before, after string) {
	for i, line := range strings.Split(udiff.Unified("", "", before, after), "\n") {
		if i >= heading && line != "" && strings.ContainsAny(line[:1], "+-") {
			fmt.Fprintf(b, "%s     %s\n", line[:1], line[1:])
		}
	}
}

// hunks returns the differing lines of a file that is not YAML, or that does not parse.
func hunks(c Change) string {
	if HoldsSecret(c.Old) || HoldsSecret(c.New) {
		return "! it may hold a Secret that is not sealed, so it is not shown\n"
	}
	lines := strings.SplitAfter(unified(c), "\n")
	return Visible(strings.Join(lines[min(heading, len(lines)):], ""))
}

// Full returns the change of a file as a unified diff, from what there is (a/) to what is
// wanted (b/), byte for byte but for what is sealed: of that it says only that it is
// another.
func Full(c Change) string {
	if HoldsSecret(c.Old) || HoldsSecret(c.New) {
		return fmt.Sprintf("--- a/%s\n+++ b/%[1]s\n! it may hold a Secret that is not sealed, so it is not shown\n", name(c.Path))
	}
	return unified(c)
}

func unified(c Change) string {
	from, to := "a/"+name(c.Path), "b/"+name(c.Path)
	if c.Old == nil {
		from = "/dev/null"
	}
	if c.New == nil {
		to = "/dev/null"
	}
	before, after := redacted(c.Old, c.New)
	text, err := udiff.ToUnified(from, to, before, udiff.Lines(before, after), contextLines)
	if err != nil || text == "" { // an empty file comes or goes
		text = fmt.Sprintf("--- %s\n+++ %s\n", from, to)
	}
	return text
}

// rename is a file that comes where another goes.
type rename struct {
	Change
	from string
}

// renames finds the files that come and hold the objects, or the bytes, of one that goes,
// and returns the other changes, too.
func renames(changes []Change) (found []rename, rest []Change) {
	gone := map[string][]int{}
	for i, c := range changes {
		if c.New == nil && len(c.Old) > 0 {
			gone[contents(c.Old)] = append(gone[contents(c.Old)], i)
		}
	}
	taken := map[int]bool{}
	for i, c := range changes {
		if c.Old != nil || len(c.New) == 0 || len(gone) == 0 {
			continue
		}
		if from := gone[contents(c.New)]; len(from) == 1 && !taken[from[0]] {
			old := changes[from[0]]
			found = append(found, rename{Change{Path: c.Path, Old: old.Old, New: c.New}, old.Path})
			taken[i], taken[from[0]] = true, true
		}
	}
	for i, c := range changes {
		if !taken[i] {
			rest = append(rest, c)
		}
	}
	return found, rest
}

// contents returns what a file holds: the identities of its objects, or its bytes where
// these are not all objects.
func contents(data []byte) string {
	roots, _ := documents(data)
	var names []string
	for _, root := range roots {
		names = append(names, cmp.Or(identity(root), string(data)))
	}
	if len(names) == 0 {
		return string(data)
	}
	return strings.Join(names, "\n")
}
