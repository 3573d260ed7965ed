package pipelines_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/seal"
)

// schema is a JSON schema as far as one is filled by chance.
type schema struct {
	Type                 any               `json:"type"` // a text, or several
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties json.RawMessage   `json:"additionalProperties"`
	Items                *schema           `json:"items"`
	Required             []string          `json:"required"`
	Enum, Examples       []any
	Default              any
}

func schemaFrom(t *testing.T, read func() ([]byte, error)) schema {
	t.Helper()
	data, err := read()
	var s schema
	if err := errors.Join(err, json.Unmarshal(data, &s)); err != nil {
		t.Fatal(err)
	}
	return s.Properties["spec"]
}

// likely are what a field of the key most often holds, so that one part of a file fits
// another.
var likely = map[string][]any{
	"class": {"small", "big"}, "extends": {"small", "big"}, "host": {"eu", "us"}, "project": {"default", "tenants"},
	"certificate": {"sealed-secrets.crt"}, "maxAge": {"30d", "720h", "1h"}, "soak": {"3d", "0s", "12h"},
	"schemas":  {"schemas", "schemas/widget.yaml", "schemas/none.yaml", "charts"},
	"clusters": {"c0", "c1", "c*", "?2", "*", "[", "nobody"}, "kubernetesVersion": {"1.34.1", "1.34", "v1.33.0", "1.30.2", "1.99.0"},
	"serviceCIDR": {"10.96.0.0/16", "10.97.0.0/16,fd00::/112", "10.96.0.1/16"}, "helm": {3, 4},
	"rule":     {"render-lookup", "argocd-shared-pod-security", "fleet-duplicate-name", "tree-stale"},
	"revision": {"main", "HEAD"}, "path": {"clusters"}, "namespace": {"argocd", "one", "kube-system"},
	"change": {"chart", "repository.url", "store"}, "from": {"", "a"}, "to": {"b"},
	"server": {"https://{name}.example.com", "https://eu.example.com:6443", "https://10.0.3.7:6443"},
	"sameAs": {"https://10.0.3.7:6443", "eu"}, "targets": {"203.0.113.10", "lb.example.com"},
	"annotations": {"a", "b/c"}, "labels": {"a", "team"}, "namespaces": {"a", "b"}, "group": {"apps", "scheduling.k8s.io"},
}

// charts are what spec.chart is.
var charts = []any{
	map[string]any{"path": "charts/vcluster"}, map[string]any{"path": "charts/c"}, map[string]any{"path": "charts/none"},
	map[string]any{"path": "../charts/c"}, map[string]any{"repository": "https://charts.example.com", "name": "vcluster"},
}

// left are the fields that need what no test here has: an image, a host that answers, the
// other half of a key, a network.
var left = []string{"toolchain", "publicKey", "valuesFrom"}

// filled returns a value for the schema; key is the name of the field.
func (p person) filled(s schema, key string) any {
	switch {
	case p.oneIn(150):
		return p.like(nil)
	case key == "chart":
		return charts[min(p.IntN(20)/8, p.IntN(len(charts)))]
	case key == "values" || key == "annotations" || key == "labels":
		return map[string]any{p.name(s, key).(string): p.oddly("b")}
	}
	switch s.Type {
	case "object":
		return p.object(s, key)
	case "array":
		items := []any{p.filled(*s.Items, key)}
		if p.oneIn(3) {
			items = append(items, p.filled(*s.Items, key))
		}
		return items
	case "boolean":
		return p.oneIn(2)
	case "integer":
		if known := likely[key]; known != nil {
			return known[p.IntN(len(known))]
		}
		return p.IntN(70000)
	}
	return p.name(s, key)
}

// oddly returns the text, or seldom another.
func (p person) oddly(text any) any {
	if p.oneIn(60) {
		return p.text()
	}
	return text
}

func (p person) name(s schema, key string) any {
	known := slices.Concat(likely[key], s.Enum)
	if known == nil {
		known = s.Examples
	}
	if s.Default != nil && p.oneIn(2) || len(known) == 0 {
		known = append(slices.Clone(known), s.Default)
	}
	if value := known[p.IntN(len(known))]; value != nil {
		return p.oddly(value)
	}
	return p.oddly("a")
}

func (p person) object(s schema, key string) map[string]any {
	all := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains(s.Required, name) && !p.oneIn(80) || p.oneIn(4) && !slices.Contains(left, name) {
			all[name] = p.filled(s.Properties[name], name)
		}
	}
	var more schema
	if json.Unmarshal(s.AdditionalProperties, &more) == nil && more.Type != nil {
		for _, name := range map[string][]string{"classes": {"small", "big"}, "hosts": {"eu", "us"}}[key] {
			if !p.oneIn(4) {
				all[name] = p.filled(more, name)
			}
		}
	}
	return all
}

// file returns a fleet.yaml or a spec.yaml.
func (p person) file(kind, name string, spec map[string]any) []byte {
	head := map[string]any{"apiVersion": "kasou/v1", "kind": kind, "spec": spec}
	if name != "" {
		head["metadata"] = map[string]any{"name": name}
	}
	text, err := yaml.Marshal(head)
	if err != nil { // of U+0085 and its like, which a person can write all the same
		return fmt.Appendf(nil, "apiVersion: kasou/v1\nkind: %s\nmetadata: {name: %q}\nspec:\n  \"\\x85\": 1\n", kind, name)
	}
	return text
}

// fleetFile returns a fleet.yaml, in which most often all is there that has to be.
func (p person) fleetFile(s schema) []byte {
	spec := p.object(s, "spec")
	if _, hosts := spec["hosts"]; (!hosts || p.oneIn(4)) && spec["host"] == nil && !p.oneIn(20) {
		spec["host"] = map[string]any{"kubernetesVersion": "1.34.1", "serviceCIDR": "10.96.0.0/16"}
	} else if hosts && !p.oneIn(10) {
		delete(spec, "host")
	}
	if p.oneIn(2) {
		spec["sealing"] = map[string]any{"certificate": "sealed-secrets.crt"}
	}
	if argocd, ok := spec["argocd"].(map[string]any); ok && !p.oneIn(6) {
		argocd["projects"] = []any{"default", map[string]any{"name": "tenants", "generated": p.oneIn(2)}}
	}
	return p.file("Fleet", "", spec)
}

const widget = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}}]
`

// smallCharts is an example with a chart beside its own that renders a Secret.
func smallCharts(t *testing.T) fleettest.Repo {
	t.Helper()
	repo := example(t)
	repo.Write(t, "charts/c/Chart.yaml", []byte("apiVersion: v2\nname: c\nversion: 1.0.0\n"))
	repo.Write(t, "charts/c/templates/config.yaml", []byte(configSecret))
	repo.Write(t, "schemas/widget.yaml", []byte(widget))
	return repo
}

// Whatever fleet.yaml and the specs say, build and check agree on it, each error has its
// place, and the tree is the one that a build from nothing writes. Where the fleet is
// refused, nothing is written; whoever takes out what is refused has a fleet in the end.
func TestAnyFleet(t *testing.T) {
	shared, own := schemaFrom(t, fleet.FleetSchema), schemaFrom(t, fleet.SpecSchema)
	forSeeds(t, 8, func(t *testing.T, p person) {
		with := tools(t)
		repo := smallCharts(t)
		options, plain := repo.Options(t, with), repo.Read(t, "clusters/fleet.yaml")
		for range 2 {
			repo.Write(t, "clusters/fleet.yaml", p.fleetFile(shared))
			for i := range 4 {
				name := fmt.Sprint("c", i)
				repo.Write(t, "clusters/"+name+"/spec.yaml", p.file("VirtualCluster", name, p.object(own, "spec")))
			}
			said := refusedAlike(t, repo, options)
			for tries := 0; len(said) > 0; tries++ {
				if tries == 5 {
					repo.Write(t, "clusters/fleet.yaml", plain)
				}
				if tries > 10 {
					t.Fatalf("what is refused was taken out, and it is refused again: %q", said)
				}
				said = refusedAlike(t, repo, options)
			}
			settle(t, repo, options)
			fromNothing(t, repo, options)
		}
	})
}

// refusedAlike returns why the fleet is refused as a whole; nothing where it is not. Then
// check says what build said, nothing was written, and what is refused is taken out.
func refusedAlike(t *testing.T, repo fleettest.Repo, options pipelines.Options) []string {
	t.Helper()
	options.AllowPrune, options.DryRun = true, true
	r := pipe(t, pipelines.Build, options)
	if len(r.Clusters) > 0 {
		return nil
	}
	said := errorsOf(t, r)
	if len(said) == 0 {
		t.Fatal("it builds nothing, and has no error")
	}
	options.DryRun = false
	before := filesOf(t, repo)
	for name, p := range map[string]pipelines.Pipeline{"build": pipelines.Build, "check": pipelines.Check, "plan": pipelines.Plan} {
		if other := errorsOf(t, pipe(t, p, options)); !slices.Equal(said, other) {
			t.Errorf("a dry run says\n%q\nand a %s\n%q", said, name, other)
		}
	}
	if files := differing(before, filesOf(t, repo)); len(files) > 0 {
		t.Errorf("what is refused wrote %v", files)
	}
	bad := map[string][]int{}
	for _, f := range r.Findings {
		if f.Severity == finding.Error {
			bad[f.File] = append(bad[f.File], f.Line)
		}
	}
	for file, lines := range bad {
		repo.Write(t, file, without(repo.Read(t, file), lines))
	}
	return said
}

// without takes the fields of spec out of a file in which the lines are.
func without(text []byte, bad []int) []byte {
	lines := strings.SplitAfter(string(text), "\n")
	spec := slices.Index(lines, "spec:\n")
	for _, at := range bad {
		first := spec + 1
		if spec < 0 {
			break
		}
		for i := min(at, len(lines)) - 1; i > first; i-- {
			if strings.HasPrefix(lines[i], "  ") && len(lines[i]) > 2 && !strings.ContainsAny(lines[i][2:3], " -") {
				first = i
				break
			}
		}
		for i := first; i < len(lines); i++ {
			if i > first && strings.HasPrefix(lines[i], "  ") && !strings.ContainsAny(lines[i][2:3], " -") || !strings.HasPrefix(lines[i], " ") {
				break
			}
			lines[i] = "\n"
		}
	}
	kept := strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "\n" }), "")
	if strings.HasSuffix(kept, "spec:\n") {
		kept = strings.TrimSuffix(kept, "\n") + " {}\n"
	}
	if strings.Contains(kept, "kind: Fleet\n") {
		for field, value := range map[string]string{"repository": `{url: "https://git.example.com/platform.git"}`, "host": "{kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0/16}"} {
			if !strings.Contains(kept, "\n  "+field) {
				kept = strings.Replace(strings.Replace(kept, "spec: {}", "spec:", 1), "spec:", "spec:\n  "+field+": "+value, 1)
			}
		}
	}
	return []byte(kept)
}

// fromNothing fails where a build of what a person wrote, in another folder, writes other
// files.
func fromNothing(t *testing.T, repo fleettest.Repo, options pipelines.Options) {
	t.Helper()
	clean := smallCharts(t)
	for file, text := range filesOf(t, repo) {
		if base := path.Base(file); base == "spec.yaml" || base == "fleet.yaml" || path.Base(path.Dir(file)) == "extra" && path.Base(path.Dir(path.Dir(file))) != "manifests" {
			clean.Write(t, "clusters/"+file, []byte(text))
		}
	}
	clean.Write(t, "clusters/sealed-secrets.crt", bytes.Clone(repo.Keys.Certificate))
	o := clean.Options(t, options.Toolchain)
	r := pipe(t, pipelines.Build, o)
	if has(r, seal.RuleNoCertificate) {
		return // what was sealed with the certificate of before stays
	}
	fleettest.MustPass(t, r, nil)
	if files := differing(filesOf(t, repo), filesOf(t, clean)); len(files) > 0 {
		t.Errorf("a build from nothing writes these otherwise: %v", files)
	}
}
