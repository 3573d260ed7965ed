package fleet

import (
	"slices"
	"strings"
	"testing"
)

func TestValuesFrom(t *testing.T) {
	for name, tt := range map[string]struct{ spec, want string }{
		"env":                   {`{valuesFrom: [{path: a.b, env: DATABASE}]}`, ""},
		"secret":                {`{valuesFrom: [{path: a.b, secret: {name: db, key: url}}]}`, ""},
		"beside values":         {`{values: {a: {c: 1}}, valuesFrom: [{path: a.b, env: DATABASE}, {path: a.d, env: OTHER}]}`, ""},
		"no source":             {`{valuesFrom: [{path: a.b}]}`, "valuesFrom.0 needs either env or secret"},
		"two sources":           {`{valuesFrom: [{path: a.b, env: X, secret: {name: db, key: url}}]}`, "needs either env or secret"},
		"an empty key":          {`{valuesFrom: [{path: a..b, env: X}]}`, `"a..b" has an empty key`},
		"in values too":         {`{values: {a: {b: hunter2}}, valuesFrom: [{path: a.b, env: X}]}`, `"a.b" stands in values, too`},
		"below a value":         {`{values: {a: hunter2}, valuesFrom: [{path: a.b, env: X}]}`, `"a.b" stands in values, too`},
		"twice":                 {`{valuesFrom: [{path: a.b, env: X}, {path: /a/b, env: Z}]}`, "each other's place"},
		"one in another":        {`{valuesFrom: [{path: a.b, env: X}, {path: a.b.c, env: Z}]}`, "each other's place"},
		"no variable's name":    {`{valuesFrom: [{path: a.b, env: A-B}]}`, "no name of an environment variable"},
		"the key of the run":    {`{valuesFrom: [{path: a.b, env: KASOU_SEAL_KEY}]}`, "belongs to the run itself"},
		"the token of the run":  {`{valuesFrom: [{path: a.b, env: GITHUB_TOKEN}]}`, "belongs to the run itself"},
		"no Secret's name":      {`{valuesFrom: [{path: a.b, secret: {name: A_B, key: url}}]}`, "not a name that Kubernetes takes"},
		"no namespace's name":   {`{valuesFrom: [{path: a.b, secret: {namespace: A, name: b, key: url}}]}`, "not a DNS label"},
		"no key of a Secret":    {`{valuesFrom: [{path: a.b, secret: {name: b, key: a/b}}]}`, "no key of a Secret"},
		"a Secret without name": {`{valuesFrom: [{path: a.b, secret: {key: b}}]}`, "name is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := load(t, repo(t, map[string]string{"a/spec.yaml": specOf("a", tt.spec)}))
			got := string(text(findings))
			if (tt.want == "") != (len(findings) == 0) || !strings.Contains(got, tt.want) || len(findings) > 1 {
				t.Errorf("want %q, got\n%s", tt.want, got)
			}
			if len(findings) == 1 && findings[0].Rule != RuleValuesFrom && findings[0].Rule != RuleMissingField {
				t.Errorf("the rule is %s", findings[0].Rule)
			}
		})
	}
}

func TestValueFromIsNamed(t *testing.T) {
	f := sound(t, map[string]string{"a/spec.yaml": specOf("a", `{namespace: ns, valuesFrom: [{path: /x.y/a~1b~0c, secret: {name: db, key: url}}, {path: a.b, env: X}]}`)})
	values := f.Clusters[0].Spec.ValuesFrom
	if got := values[0].Keys(); !slices.Equal(got, []string{"x.y", "a/b~c"}) {
		t.Errorf("keys %q", got)
	}
	if values[0].Source() != "secret ns/db url" || values[1].Source() != "env X" {
		t.Errorf("sources %q and %q", values[0].Source(), values[1].Source())
	}
}
