package drift

import (
	"kasou/pipelines/chart"
	"kasou/pipelines/cluster"
	"kasou/pipelines/finding"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
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
	// RuleCredentialRotated: a registration of today would seal something else.
	RuleCredentialRotated finding.Rule = "drift-credential-rotated"
	// RuleCertificateRenewed: the Sealed Secrets controller has another
	// certificate than the pinned one.
	RuleCertificateRenewed finding.Rule = "drift-certificate-renewed"
	// RuleLiveMissing: an object in git is not on the host.
	RuleLiveMissing finding.Rule = "drift-live-missing"
	// RuleLiveChanged: an object on the host is not as in git.
	RuleLiveChanged finding.Rule = "drift-live-changed"
	// RuleLiveAdded: somebody else than Argo CD has added fields to an object.
	RuleLiveAdded finding.Rule = "drift-live-added"
	// RuleLiveManagerUnused: an entry of drift.managers lets nobody add anything.
	RuleLiveManagerUnused finding.Rule = "drift-live-manager-unused"
	// RuleLiveRefused: the host would not take the object in git.
	RuleLiveRefused finding.Rule = "drift-live-refused"
	// RuleLiveScope: an object has no namespace on the host, and was built as one that has.
	RuleLiveScope finding.Rule = "drift-live-scope"
	// RuleLiveLeftover: an object of the Application is on the host alone.
	RuleLiveLeftover finding.Rule = "drift-live-leftover"
	// RuleLiveSecret: Argo CD's cluster Secret is not what was sealed.
	RuleLiveSecret finding.Rule = "drift-live-secret"
	// RuleLiveUnsealed: the controller could not unseal a SealedSecret.
	RuleLiveUnsealed finding.Rule = "drift-live-unsealed"
	// RuleLiveSilent: the virtual cluster does not answer at its server with the
	// registered credential.
	RuleLiveSilent finding.Rule = "drift-live-silent"
	// RuleEndpointName: the server's name leads elsewhere than to its endpoint.
	RuleEndpointName finding.Rule = "drift-endpoint-name"
	// RuleEndpointRoute: what leads to the server does not serve, by its status.
	RuleEndpointRoute finding.Rule = "drift-endpoint-route"
	// RuleEndpointCertificate: the server shows a certificate that is not the
	// virtual cluster's, not for its name, or at its end.
	RuleEndpointCertificate finding.Rule = "drift-endpoint-certificate"
)

// origin says what kind of drift a rule of another stage is, and what repairs
// it.
type origin struct {
	kind   report.DriftKind
	repair report.Repair
}

var origins = map[finding.Rule]origin{
	tree.RuleHandEdit:                {report.DriftTree, report.ByBuild},
	tree.RuleMissing:                 {report.DriftTree, report.ByBuild},
	tree.RuleStale:                   {report.DriftTree, report.ByBuild},
	tree.RuleNotBuilt:                {report.DriftTree, report.ByBuild},
	tree.RuleInterrupted:             {report.DriftTree, report.ByBuild},
	tree.RuleRetired:                 {report.DriftTree, report.ByBuild},
	tree.RuleOrphan:                  {report.DriftTree, report.ByBuild},
	chart.RuleDigest:                 {report.DriftUpstream, report.ByLock},
	register.RuleRegistrationEdited:  {report.DriftTrust, report.ByRegister},
	workspace.RuleServiceCIDRMoved:   {report.DriftLive, report.ByPerson},
	register.RuleRegistrationMissing: {report.DriftTrust, report.ByRegister},
	seal.RuleTampered:                {report.DriftTrust, report.ByBuild},
	seal.RuleCommittedPlain:          {report.DriftTrust, report.ByPerson},
	seal.RuleUnverifiable:            {report.DriftTrust, report.ByPerson},
	seal.RuleCertificateValidity:     {report.DriftTrust, report.ByCertificate},
	cluster.RuleValuesUnknown:        {report.DriftTrust, report.ByPerson},
}

// originOf returns what is known of the rule, else where its stage stands, for a
// person to repair.
func originOf(rule finding.Rule) origin {
	if known, ok := origins[rule]; ok {
		return known
	}
	switch stage, _ := rule.Stage(); stage {
	case finding.Chart:
		return origin{report.DriftUpstream, report.ByPerson}
	case finding.Seal, finding.Register, finding.Credential, finding.Values:
		return origin{report.DriftTrust, report.ByPerson}
	}
	return origin{report.DriftTree, report.ByPerson}
}

// dated are the rules about one file that somebody changed.
var dated = map[finding.Rule]bool{
	tree.RuleHandEdit: true, tree.RuleMissing: true, tree.RuleUnknownFile: true,
	register.RuleRegistrationEdited: true, register.RuleRegistrationMissing: true,
}
