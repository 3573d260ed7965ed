package handmade

import (
	"fmt"

	"kasou/pipelines/argocd"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
)

const (
	// RuleDiffers: an object of the tree is another one than kasou writes.
	RuleDiffers finding.Rule = "import-differs"
	// RuleRenamed: Argo CD knows something under a name that kasou does not give.
	RuleRenamed finding.Rule = "import-renamed"
)

// Differences returns a finding for what a build writes otherwise than it stands in the
// tree: documents are what it deploys, and dir is the clusters folder.
func (c Cluster) Differences(dir string, documents []manifest.Document) finding.List {
	var found finding.List
	note := func(severity finding.Severity, rule finding.Rule, at, message, hint string) {
		found = append(found, finding.Finding{File: at, Cluster: c.Name, Severity: severity, Rule: rule, Message: message, Hint: hint})
	}
	own := layout.Of(dir, c.Name)
	for _, d := range Compare(c.Documents, documents) {
		message := d.Object + ": " + map[string]string{"added": "kasou adds it", "removed": "kasou does not write it", "changed": "it differs in "}[d.Kind]
		hint := "Look whether it is meant; what the spec has no field for goes into spec.values, and an object beside the chart into " + own.Extra() + "/."
		note(finding.Note, RuleDiffers, own.Spec(), message+finding.Few(d.Fields, 5), hint)
	}
	if c.Application != "" && c.ApplicationName != c.Name {
		note(finding.Warning, RuleRenamed, c.Application,
			fmt.Sprintf("Argo CD knows the cluster as the Application %s, and kasou calls it %s", c.ApplicationName, c.Name),
			"Delete the old Application without its objects before the new one is synced: kubectl delete application "+c.ApplicationName+" --cascade=orphan.")
	}
	secret := argocd.SecretName(fleet.Cluster{Name: c.Name})
	if c.Registration != "" && c.RegistrationName != secret {
		note(finding.Warning, RuleRenamed, c.Registration,
			fmt.Sprintf("the cluster Secret is called %s, and kasou registers the cluster as %s", c.RegistrationName, secret),
			"Take the old one away in the commit that has kasou's: two with one server give Argo CD either credential.")
	}
	return found
}
