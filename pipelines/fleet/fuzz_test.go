package fleet

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"kasou/pipelines/finding"
	"kasou/pipelines/position"
)

// Whatever a spec.yaml holds, it is read or refused, with every finding inside
// the file.
func FuzzSpec(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*/clusters/*/spec.yaml")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, seed := range seeds {
		data, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fleet := &Fleet{Dir: "clusters", File: "clusters/fleet.yaml"}
		src := parse("clusters/a/spec.yaml", "a", data, schemaOfSpec())
		findings := tidy(fleet.assemble(parse(fleet.File, "", []byte(goodFleet), schemaOfFleet()), []*source{src}))
		for _, found := range findings {
			inside(t, data, found)
		}
		if !findings.Failed() && len(fleet.Clusters) != 1 {
			t.Error("no cluster, and no reason")
		}
		// Who asks for a place in it later parses it with another parser.
		if plain, ok := src.plain(data); ok && !findings.Failed() {
			if _, err := position.Parse(plain, 0); err != nil {
				t.Error(err)
			}
		}
		for _, c := range fleet.Clusters {
			if _, err := c.Digest(); err != nil {
				t.Error(err)
			}
		}
	})
}

func inside(t *testing.T, data []byte, found finding.Finding) {
	t.Helper()
	lines := lineBreak.Split(string(data), -1)
	if found.Line < 1 || found.Line > len(lines) {
		t.Fatalf("%s: the file has %d lines", found, len(lines))
	}
	if width := utf8.RuneCountInString(lines[found.Line-1]); found.Column < 1 || found.Column > width+1 {
		t.Fatalf("%s: the line has %d characters", found, width)
	}
}
