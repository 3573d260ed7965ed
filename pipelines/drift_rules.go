package pipelines

import (
	"strings"

	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
)

const (
	// RuleUnknown: something could not be found out.
	RuleUnknown finding.Rule = "drift-unknown"
	// RuleChartMoved: the source has another archive under the pinned version.
	RuleChartMoved finding.Rule = "drift-chart-moved"
	// RuleChartGone: the source has the pinned version no longer.
	RuleChartGone finding.Rule = "drift-chart-gone"
	// RuleSecurityFix: a newer version of the chart fixes a security issue.
	RuleSecurityFix finding.Rule = "drift-security-fix"
	// RuleTools: the files were built with other tools than today's.
	RuleTools finding.Rule = "drift-tools"
	// RuleCertificateEnds: the sealing certificate ends soon.
	RuleCertificateEnds finding.Rule = "drift-certificate-ends"
	// RuleSealedLongAgo: a sealed value is older than sealing.maxAge.
	RuleSealedLongAgo finding.Rule = "drift-sealed-long-ago"
	// RuleCredentialEnds: Argo CD's credential for a cluster ends soon.
	RuleCredentialEnds finding.Rule = "drift-credential-ends"
)

// origin says what kind of drift a rule of another stage is, and what repairs
// it.
type origin struct {
	kind   report.DriftKind
	repair report.Repair
}

var origins = map[finding.Rule]origin{
	tree.RuleHandEdit:            {report.DriftTree, report.ByBuild},
	tree.RuleMissing:             {report.DriftTree, report.ByBuild},
	tree.RuleStale:               {report.DriftTree, report.ByBuild},
	tree.RuleNotBuilt:            {report.DriftTree, report.ByBuild},
	tree.RuleInterrupted:         {report.DriftTree, report.ByBuild},
	tree.RuleRetired:             {report.DriftTree, report.ByBuild},
	tree.RuleOrphan:              {report.DriftTree, report.ByBuild},
	chart.RuleDigest:             {report.DriftUpstream, report.ByLock},
	RuleRegistrationEdited:       {report.DriftTrust, report.ByRegister},
	RuleRegistrationMissing:      {report.DriftTrust, report.ByRegister},
	seal.RuleTampered:            {report.DriftTrust, report.ByBuild},
	seal.RuleCommittedPlain:      {report.DriftTrust, report.ByPerson},
	seal.RuleUnverifiable:        {report.DriftTrust, report.ByPerson},
	seal.RuleCertificateValidity: {report.DriftTrust, report.ByCertificate},
	RuleValuesUnknown:            {report.DriftTrust, report.ByPerson},
}

// originOf gives what is known of the rule, else where its stage stands, for a
// person to repair.
func originOf(rule finding.Rule) origin {
	if known, ok := origins[rule]; ok {
		return known
	}
	stage, _, _ := strings.Cut(string(rule), "-")
	switch stage {
	case "chart":
		return origin{report.DriftUpstream, report.ByPerson}
	case "seal", "register", "credential", "values":
		return origin{report.DriftTrust, report.ByPerson}
	}
	return origin{report.DriftTree, report.ByPerson}
}
