package render

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
)

// worlds renders a release in worlds where impure functions give fixed results.
type worlds struct {
	helm    toolchain.Helm
	release toolchain.Release
	files   map[string]string
	sites   []site
}

// render gives the files of the world in which the sites that late names are
// late and all others early.
func (w *worlds) render(ctx context.Context, late func(i int) bool) (tree.Files, error) {
	edits := map[string][]edit{}
	for i, s := range w.sites {
		if s.rewrite == nil {
			continue
		}
		world := "early"
		if late(i) {
			world = "late"
		}
		edits[s.file] = append(edits[s.file], s.rewrite(w.text(s.file), s.call, world)...)
	}
	release, err := w.changed(edits)
	if err != nil {
		return nil, err
	}
	return w.helm.Template(ctx, release)
}

func (w *worlds) text(file string) string {
	if file == "" {
		return string(w.release.Values)
	}
	return w.files[file]
}

// changed gives the release with the edits in its chart and values.
func (w *worlds) changed(edits map[string][]edit) (toolchain.Release, error) {
	files := maps.Clone(w.files)
	files[helpersFile] = helpers
	release := w.release
	for file, list := range edits {
		text := apply(w.text(file), list)
		if file == "" {
			release.Values = []byte(text)
		} else {
			files[file] = text
		}
	}
	archive, err := pack(files)
	if err != nil {
		return release, fmt.Errorf("change the chart: %w", err)
	}
	release.Chart.Archive, release.Chart.Digest = archive, tree.Digest(archive)
	return release, nil
}

// apply makes the edits, which do not overlap; of two at one place the first
// stays first.
func apply(text string, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	out, at := "", 0
	for _, e := range edits {
		out += text[at:e.start] + e.text
		at = e.end
	}
	return out + text[at:]
}
