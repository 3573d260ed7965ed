package fleet

import (
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

const classes = `  classes:
    small: {values: {a: small, b: small, c: small}, ingress: {className: traefik, host: "{name}.small.example.com"}, podSecurity: {enforce: baseline}}
    prod: {extends: small, values: {b: prod, c: prod}, argocd: {automated: false}}
  defaults: {values: {a: defaults, b: defaults, c: defaults, d: defaults}, ingress: {enabled: true, className: nginx}}
`

// loadClasses loads a fleet with the classes, and a cluster a with the spec.
func loadClasses(t *testing.T, shared, spec string) (*Fleet, finding.List) {
	t.Helper()
	f, findings := load(t, repo(t, map[string]string{
		"fleet.yaml":  goodFleet + shared,
		"a/spec.yaml": "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: a}\nspec:\n  serviceCIDR: 10.96.0.0/16\n" + spec,
	}))
	return f, findings
}

func TestASpecLiesOverItsClassAndTheDefaults(t *testing.T) {
	f, findings := loadClasses(t, classes, "  class: prod\n  values: {c: spec}\n")
	if findings.Failed() {
		t.Fatal(findings)
	}
	s := f.Clusters[0].Spec
	for key, want := range map[string]string{"a": "small", "b": "prod", "c": "spec", "d": "defaults"} {
		if s.Values[key] != want {
			t.Errorf("%s is %v, want %s", key, s.Values[key], want)
		}
	}
	if s.Ingress.ClassName != "traefik" || s.Ingress.Host != "a.small.example.com" || !*s.Ingress.Enabled || *s.ArgoCD.Automated || s.PodSecurity.Enforce != "baseline" {
		t.Errorf("%+v %+v %+v", s.Ingress, s.ArgoCD, s.PodSecurity)
	}
	// Another name for the same is the same.
	renamed, findings := loadClasses(t, strings.ReplaceAll(classes, "prod:", "production:"), "  class: production\n  values: {c: spec}\n")
	one, err := f.Clusters[0].Digest()
	if err != nil || findings.Failed() {
		t.Fatal(err, findings)
	}
	if other, _ := renamed.Clusters[0].Digest(); other == one {
		return
	}
	t.Error("the digest depends on the name of the class")
}

func TestTheDefaultsMayNameAClass(t *testing.T) {
	shared := strings.Replace(classes, "defaults: {", "defaults: {class: small, ", 1)
	for spec, want := range map[string]string{"": "small", "  class: prod\n": "prod"} {
		if f, findings := loadClasses(t, shared, spec); findings.Failed() || f.Clusters[0].Spec.Values["b"] != want {
			t.Errorf("%q: %v", spec, findings)
		}
	}
}

func TestClassesThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct{ shared, spec, at, says string }{
		"not there":         {classes, "  class: smal\n", "clusters/a/spec.yaml:6:3", `class "smal" is not a class of the fleet`},
		"no classes":        {"", "  class: small\n", "clusters/a/spec.yaml:6:3", "is not a class of the fleet"},
		"extends none":      {"  classes: {a: {extends: b}}\n", "", "clusters/fleet.yaml", `spec.classes.a.extends "b" is not a class`},
		"itself":            {"  classes: {a: {extends: a}}\n", "  class: a\n", "clusters/fleet.yaml", `leads back to "a"`},
		"a circle":          {"  classes: {a: {extends: b}, b: {extends: c}, c: {extends: b}}\n", "  class: a\n", "clusters/fleet.yaml", `leads back to "b": b, c, b`},
		"retire":            {"  classes: {a: {retire: true}}\n", "", "clusters/fleet.yaml", "spec.classes.a.retire is of all clusters of a class"},
		"class":             {"  classes: {a: {class: b}}\n", "", "clusters/fleet.yaml", "spec.classes.a.class stands in a class"},
		"an unknown field":  {"  classes: {a: {namspace: b}}\n", "", "clusters/fleet.yaml", "namspace"},
		"a bad value":       {"  classes: {a: {ingress: {enabled: true, host: \"a b\"}}}\n", "  class: a\n", "clusters/fleet.yaml:6:", "ingress.host"},
		"a name":            {"  classes: {A_b: {}}\n", "", "clusters/fleet.yaml", "A_b"},
		"no mapping at all": {"  classes: [a]\n", "", "clusters/fleet.yaml", "classes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := loadClasses(t, c.shared, c.spec)
			for _, f := range findings {
				ours := f.Rule == RuleClass || name == "an unknown field" || name == "a bad value" || name == "no mapping at all"
				if ours && f.Severity == finding.Error && strings.HasPrefix(f.String(), c.at) && strings.Contains(f.Message, c.says) {
					return
				}
			}
			t.Errorf("findings %v", findings)
		})
	}
}
