package report

import (
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"kasou/pipelines/finding"
)

const picture = "../../docs/report.png"

// pictured is a fleet that has a bit of everything.
func pictured() *Report {
	r := &Report{Command: "drift", At: "2026-11-22T05:17:00Z"}
	for _, c := range []struct {
		name    string
		status  Status
		version string
		expires string
	}{
		{"billing", Unchanged, "0.30.0", "2027-09-14T08:00:00Z"},
		{"development", Drifted, "0.30.0", "2027-06-02T08:00:00Z"},
		{"previews", Unknown, "0.36.1", "2027-03-20T08:00:00Z"},
		{"staging", Drifted, "0.36.1", "2026-12-04T08:00:00Z"},
		{"team-a", Unchanged, "0.36.1", ""},
	} {
		r.Clusters = append(r.Clusters, Cluster{Name: c.name, Status: c.status, Facts: &Facts{
			Chart: "vcluster", Version: c.version, Namespace: c.name, ServiceCIDR: "10.96.0.0/16", Server: "https://" + c.name + ".k8s.example.com",
			Application: "argocd/" + c.name, Registered: c.expires != "", Expires: c.expires,
		}})
		if c.version != "0.36.1" {
			r.Clusters[len(r.Clusters)-1].Facts.Newest = "0.36.1"
		}
	}
	r.Clusters[1].Diff = "--- a/clusters/development/values.yaml\n+++ b/clusters/development/values.yaml\n@@ -4,3 +4,3 @@\n controlPlane:\n-  replicas: 3\n+  replicas: 1\n   ingress:\n"
	r.Drift = []Row{
		{Finding: finding.Finding{Cluster: "development", Rule: "tree-hand-edit", Severity: finding.Error, File: "clusters/development/values.yaml", Line: 5, Column: 13,
			Message: "edited since kasou wrote it", Hint: "Change spec.yaml instead (spec.values reaches every value of the chart). kasou build undoes the edit."},
			Kind: DriftTree, Repair: ByBuild, Since: "2026-11-20T08:41:07Z"},
		{Finding: finding.Finding{Cluster: "previews", Rule: "drift-unknown", Severity: finding.Warning, Message: "fetching https://charts.example.com/index.yaml: connection refused"},
			Kind: DriftUpstream, Repair: ByPerson, Unknown: true},
		{Finding: finding.Finding{Cluster: "staging", Rule: "drift-credential-ends", Severity: finding.Error, File: "clusters/root/staging.cluster.yaml",
			Message: "Argo CD's credential for the cluster ends on 2026-12-04, in 12 days", Hint: "Register the cluster anew once it has renewed its credential."},
			Kind: DriftTrust, Object: "argocd/cluster-staging", Repair: ByRegister},
	}
	return r
}

// The picture in the docs is made by go test -update; without it, the picture
// must be there and small.
func TestPicture(t *testing.T) {
	if *update {
		b := show(t, pictured())
		b.openAll()
		for _, scheme := range []string{"dark", "light"} {
			b.prefer(scheme)
			data, err := chromedp.Run(b.Context, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			file := picture
			if scheme == "dark" {
				file = fmt.Sprintf("%s/report-dark.png", os.TempDir())
			}
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	info, err := os.Stat(picture)
	if err != nil || info.Size() > 200<<10 {
		t.Errorf("%s: %v, %v", picture, info, err)
	}
}
