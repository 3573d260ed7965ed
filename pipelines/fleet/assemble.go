package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// assemble makes the fleet of what was read, in whatever order it was read,
// and returns the findings of the files' form and content. shared is fleet.yaml,
// nil where it could not be read.
func (f *Fleet) assemble(shared *source, specs []*source) finding.List {
	if shared == nil {
		shared = &source{file: f.File}
	}
	if shared.raw == nil {
		shared.refused = [][]string{nil} // nothing can be said about what it says
	}
	findings := slices.Clone(shared.findings)
	f.document, f.text = shared.document, shared.text
	remarshal(f.File, object(shared.raw, "spec"), &f.Spec)
	report := fleetReporter(f, shared, &findings)
	checkFleet(f.Spec, report)
	checkHosts(shared, f.Spec, report)
	checkClasses(shared, f.Spec, report)
	f.applyDefaults()

	slices.SortFunc(specs, func(a, b *source) int { return strings.Compare(a.cluster, b.cluster) })
	read := make([]*check, len(specs))
	sideBySide(len(specs), func(i int) { read[i] = f.assembleCluster(specs[i], shared) })
	for i, src := range specs {
		findings = append(findings, src.findings...)
		if read[i] != nil {
			findings = append(findings, read[i].findings...)
			read[i].findings = nil
			f.Clusters = append(f.Clusters, read[i].cluster)
		}
	}
	read = slices.DeleteFunc(read, func(k *check) bool { return k == nil })
	f.findSharers()
	checkInRings(f, report)
	checkAcross(f, read)
	for _, k := range read {
		findings = append(findings, k.findings...)
		k.cluster.document.Fold() // there may be thousands, and most have no findings
	}
	return findings
}

// assembleCluster makes one cluster, and checks what it says by itself; nil where
// its file could not be read.
func (f *Fleet) assembleCluster(src, shared *source) *check {
	if src.raw == nil {
		return nil
	}
	c := Cluster{Name: src.cluster, File: src.file, document: src.document, text: src.text, fleet: f}
	k := &check{own: src, shared: shared}
	own := object(src.raw, "spec")
	k.class = classOf(own, object(shared.raw, "spec", "defaults"))
	merged := map[string]any{}
	for _, layer := range append(f.layers(shared, k.class), own) {
		merged = mergeSpecs(merged, withIngress(layer))
	}
	remarshal(src.file, merged, &c.Spec)
	k.name, _ = object(src.raw, "metadata")["name"].(string)
	c.Spec.fillName(src.cluster)
	k.given = c.Spec
	c.applyDefaults(f.Spec)
	k.cluster = c
	k.server, _ = NormalizeServer(c.Spec.Server)
	k.one(f.Spec)
	return k
}

// object returns the mapping at path; nil where there is none.
func object(raw map[string]any, path ...string) map[string]any {
	for _, step := range path {
		raw, _ = raw[step].(map[string]any)
	}
	return raw
}

// remarshal decodes plain data into a struct. The data has passed the schema,
// which is made of the struct, so that it cannot fail.
func remarshal(file string, from map[string]any, to any) {
	data, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		panic(fmt.Sprintf("%s passes its schema and does not decode: %v", file, err))
	}
}

// tidy sorts, and keeps one of the findings that several clusters make of one
// line: a default of fleet.yaml is wrong once.
func tidy(findings finding.List) finding.List {
	findings.Sort()
	var kept finding.List
	for _, f := range findings {
		if n := len(kept); n > 0 {
			last := kept[n-1]
			last.Cluster = f.Cluster
			if last == f {
				if kept[n-1].Cluster != f.Cluster {
					kept[n-1].Cluster = ""
				}
				continue
			}
		}
		kept = append(kept, f)
	}
	return kept
}
