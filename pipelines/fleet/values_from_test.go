package fleet

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kasou/pipelines/layout"
)

func TestValuesFrom(t *testing.T) {
	for name, tt := range map[string]struct{ spec, want string }{
		"env":                   {`{valuesFrom: [{path: a.b, env: KASOU_VALUE_DATABASE}]}`, ""},
		"secret":                {`{valuesFrom: [{path: a.b, secret: {name: db, key: url}}]}`, ""},
		"beside values":         {`{values: {a: {c: 1}}, valuesFrom: [{path: a.b, env: KASOU_VALUE_DATABASE}, {path: a.d, env: KASOU_VALUE_OTHER}]}`, ""},
		"no source":             {`{valuesFrom: [{path: a.b}]}`, "valuesFrom.0 needs either env or secret"},
		"two sources":           {`{valuesFrom: [{path: a.b, env: KASOU_VALUE_X, secret: {name: db, key: url}}]}`, "needs either env or secret"},
		"an empty key":          {`{valuesFrom: [{path: a..b, env: KASOU_VALUE_X}]}`, `"a..b" has an empty key`},
		"in values too":         {`{values: {a: {b: hunter2}}, valuesFrom: [{path: a.b, env: KASOU_VALUE_X}]}`, `"a.b" stands in values, too`},
		"below a value":         {`{values: {a: hunter2}, valuesFrom: [{path: a.b, env: KASOU_VALUE_X}]}`, `"a.b" stands in values, too`},
		"twice":                 {`{valuesFrom: [{path: a.b, env: KASOU_VALUE_X}, {path: /a/b, env: KASOU_VALUE_Z}]}`, "each other's place"},
		"one in another":        {`{valuesFrom: [{path: a.b, env: KASOU_VALUE_X}, {path: a.b.c, env: KASOU_VALUE_Z}]}`, "each other's place"},
		"no variable's name":    {`{valuesFrom: [{path: a.b, env: A-B}]}`, "not a name of an environment variable"},
		"the key of the run":    {`{valuesFrom: [{path: a.b, env: KASOU_SEAL_KEY}]}`, "belongs to the run itself"},
		"the token of the run":  {`{valuesFrom: [{path: a.b, env: GITHUB_TOKEN}]}`, "belongs to the run itself"},
		"no Secret's name":      {`{valuesFrom: [{path: a.b, secret: {name: A_B, key: url}}]}`, "not a name that Kubernetes takes"},
		"no namespace's name":   {`{valuesFrom: [{path: a.b, secret: {namespace: A, name: b, key: url}}]}`, "not a DNS label"},
		"no key of a Secret":    {`{valuesFrom: [{path: a.b, secret: {name: b, key: a/b}}]}`, "not a key of a Secret"},
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

// Who writes a spec gets no Secret of others, and no credential of the run.
func TestValuesComeFromTheClustersOwnPlaces(t *testing.T) {
	const allow = "  valuesFrom:\n    allow:\n    - {env: SHARED_DB}\n    - {secret: {namespace: databases, name: shared}}\n    - {env: FOR_B, clusters: [b]}\n"
	for name, tt := range map[string]struct{ allow, from, want string }{
		"own namespace":            {"", "{secret: {namespace: ns, name: db, key: url}}", ""},
		"another namespace":        {"", "{secret: {namespace: databases, name: shared, key: url}}", "5:37: error [fleet-values-denied]"},
		"an allowed one":           {allow, "{secret: {namespace: databases, name: shared, key: url}}", ""},
		"another in its place":     {allow, "{secret: {namespace: databases, name: other, key: url}}", "fleet-values-denied"},
		"a cluster's credential":   {"", "{secret: {name: vc-a, key: config}}", "fleet-values-denied"},
		"Argo CD's credential":     {"", "{secret: {name: cluster-b, key: config}}", "fleet-values-denied"},
		"Argo CD's namespace":      {"", "{secret: {namespace: argocd, name: argocd-secret, key: a}}", "Argo CD's namespace"},
		"a variable for values":    {"", "{env: KASOU_VALUE_DB}", ""},
		"the token of gh":          {"", "{env: GH_TOKEN}", "5:28: error [fleet-values-denied]"},
		"a key of AWS":             {"", "{env: AWS_SECRET_ACCESS_KEY}", "KASOU_VALUE_"},
		"an allowed variable":      {allow, "{env: SHARED_DB}", ""},
		"one for another cluster":  {allow, "{env: FOR_B}", "fleet-values-denied"},
		"the list does not open":   {"  valuesFrom: {allow: [{secret: {namespace: argocd, name: a}}]}\n", "{env: KASOU_VALUE_A}", "fleet.yaml"},
		"the list names a cluster": {"  valuesFrom: {allow: [{secret: {namespace: a, name: vc-a}}]}\n", "{env: KASOU_VALUE_A}", "vc-a"},
		"the list names the run's": {"  valuesFrom: {allow: [{env: KASOU_SEAL_KEY}]}\n", "{env: KASOU_VALUE_A}", "belongs to the run itself"},
		"the list names nothing":   {"  valuesFrom: {allow: [{clusters: [a]}]}\n", "{env: KASOU_VALUE_A}", "either env or secret"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: a}\nspec: {namespace: ns,\n  valuesFrom: [{path: a.b, " + strings.TrimPrefix(tt.from, "{") + "]}\n"
			root := repo(t, map[string]string{"a/spec.yaml": spec})
			file := filepath.Join(root, "clusters", layout.Fleet)
			fleet, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(fleet, tt.allow...), 0o644); err != nil {
				t.Fatal(err)
			}
			_, findings := load(t, root)
			var got string
			for _, f := range findings {
				got += f.Position() + ": " + f.Severity.String() + " [" + string(f.Rule) + "] " + f.Message + " " + f.Hint + "\n"
			}
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) || strings.Count(got, "\n") > 1 {
				t.Errorf("want %q, got\n%s", tt.want, got)
			}
		})
	}
}

func TestValueFromIsNamed(t *testing.T) {
	f := sound(t, map[string]string{"a/spec.yaml": specOf("a", `{namespace: ns, valuesFrom: [{path: /x.y/a~1b~0c, secret: {name: db, key: url}}, {path: a.b, env: KASOU_VALUE_X}]}`)})
	values := f.Clusters[0].Spec.ValuesFrom
	if got := values[0].Keys(); !slices.Equal(got, []string{"x.y", "a/b~c"}) {
		t.Errorf("keys %q", got)
	}
	if values[0].Source() != "secret ns/db url" || values[1].Source() != "env KASOU_VALUE_X" {
		t.Errorf("sources %q and %q", values[0].Source(), values[1].Source())
	}
}
