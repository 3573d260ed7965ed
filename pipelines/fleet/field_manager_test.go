package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kasou/pipelines/layout"
)

// What a list entry can allow, and what is refused where it stands.
func TestFieldManagers(t *testing.T) {
	_, findings := load(t, repo(t, map[string]string{
		layout.Fleet: goodFleet + `  drift:
    managers:
      - {name: kube-controller-manager, kinds: [StatefulSet], fields: [spec.replicas]}
      - {name: argocd-controller}
      - {name: m, fields: [status.replicas, metadata.finalizers, ".spec", 'spec.a[', 'metadata.annotations."a.b/c"', "spec.template.spec.containers[].env"]}
      - {name: ` + strings.Repeat("m", 129) + `}
      - {fields: [spec]}
`,
		"a/spec.yaml": specOf("a", "{}"),
	}))
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Rule))
	}
	want := []string{"9:10 fleet-field-manager", "10:28 fleet-field-manager", "10:45 fleet-field-manager", "10:66 fleet-field-manager",
		"10:75 fleet-field-manager", "11:10 fleet-field-manager", "12:9 fleet-missing-field"}
	if !slices.Equal(got, want) {
		t.Errorf("%s", text(findings))
	}
}

func TestMayAdd(t *testing.T) {
	const env = `spec.template.spec.containers[name="a.b[0]"].env[name="X"]`
	for name, c := range map[string]struct {
		entry       FieldManager
		kind, field string
		want        bool
	}{
		"any":                          {FieldManager{Name: "m"}, "Service", "spec.ports", true},
		"another manager":              {FieldManager{Name: "n"}, "Service", "spec.ports", false},
		"the kind":                     {FieldManager{Name: "m", Kinds: []string{"Service"}}, "Service", "spec.ports", true},
		"another kind":                 {FieldManager{Name: "m", Kinds: []string{"Pod"}}, "Service", "spec.ports", false},
		"the field":                    {FieldManager{Name: "m", Fields: []string{"spec.replicas"}}, "Deployment", "spec.replicas", true},
		"a field with the same start":  {FieldManager{Name: "m", Fields: []string{"spec.replica"}}, "Deployment", "spec.replicas", false},
		"a field above":                {FieldManager{Name: "m", Fields: []string{"spec.template.spec"}}, "Deployment", env, true},
		"a field below":                {FieldManager{Name: "m", Fields: []string{"spec.template.spec"}}, "Deployment", "spec.template", false},
		"any element":                  {FieldManager{Name: "m", Fields: []string{"spec.template.spec.containers[].env"}}, "Deployment", env, true},
		"any element of another list":  {FieldManager{Name: "m", Fields: []string{"spec.template.spec.containers[].ports"}}, "Deployment", env, false},
		"the element":                  {FieldManager{Name: "m", Fields: []string{env}}, "Deployment", env, true},
		"another element":              {FieldManager{Name: "m", Fields: []string{`spec.template.spec.containers[name="b"]`}}, "Deployment", env, false},
		"an annotation with dots":      {FieldManager{Name: "m", Fields: []string{`metadata.annotations."a.b/c"`}}, "Deployment", `metadata.annotations."a.b/c"`, true},
		"an element of a set by value": {FieldManager{Name: "m", Fields: []string{"spec.x[]"}}, "Deployment", `spec.x[="v"]`, true},
	} {
		if got := c.entry.MayAdd("m", c.kind, c.field); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
