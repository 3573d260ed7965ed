package fleet

import (
	"os"
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

// Two fleets of one repository that Argo CD would mix up are told; others are not.
func TestTwoFleetsOfOneRepository(t *testing.T) {
	const spec = "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: a}\nspec: {}\n"
	in := func(argocd string) string { return goodFleet + "  argocd: " + argocd + "\n" }
	for name, test := range map[string]struct {
		own, place, other, spec string
		severity                finding.Severity
		names                   string
	}{
		"both by default":           {goodFleet, "eu/clusters", goodFleet, "", finding.Warning, "AppProject kasou, Application kasou, Application kasou-bootstrap"},
		"a cluster in both":         {goodFleet, "clusters-eu", in("{name: eu}"), spec, finding.Warning, "too: Application a"},
		"a generated project":       {in("{projects: [{name: p, generated: true}]}"), "b/c/d", in("{name: eu, projects: [{name: p, generated: true}]}"), "", finding.Warning, "too: AppProject p"},
		"a cluster named as theirs": {goodFleet, "eu", in("{name: a}"), "", finding.Warning, "too: Application a"},
		"one Argo CD":               {in("{context: one}"), "eu/clusters", in("{context: one}"), "", finding.Error, "AppProject kasou"},
		"an Argo CD each":           {in("{context: one}"), "eu/clusters", in("{context: two}"), "", 0, ""},
		"a namespace each":          {goodFleet, "eu/clusters", in("{namespace: gitops}"), "", 0, ""},
		"names of their own":        {goodFleet, "eu/clusters", in("{name: eu}"), "", 0, ""},
		"another tool's fleet.yaml": {goodFleet, "eu/clusters", "namespace: web\n", "", 0, ""},
		"not YAML":                  {goodFleet, "eu/clusters", "{", "", 0, ""},
	} {
		files := map[string]string{"fleet.yaml": test.own, "a/spec.yaml": spec, "../" + test.place + "/fleet.yaml": test.other}
		if test.spec != "" {
			files["../"+test.place+"/a/spec.yaml"] = test.spec
		}
		root := repo(t, files)
		f, findings := load(t, root)
		if findings.Failed() {
			t.Fatalf("%s: %v", name, findings)
		}
		got := f.Beside(os.DirFS(root), []string{"clusters/fleet.yaml", test.place + "/fleet.yaml", "not/there/fleet.yaml"})
		switch {
		case test.names == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case test.names != "" && (len(got) != 1 || got[0].Severity != test.severity || !strings.Contains(got[0].Message, test.names)):
			t.Errorf("%s: %v", name, got)
		}
	}
}
