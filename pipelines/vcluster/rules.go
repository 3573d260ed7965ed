package vcluster

import "kasou/pipelines/finding"

// The rules of this package.
const (
	// RuleUnknownChart: the chart is none of the vcluster charts.
	RuleUnknownChart finding.Rule = "vcluster-unknown-chart"
	// RuleVersion: the chart's version is too old, or no version at all.
	RuleVersion finding.Rule = "vcluster-version"
	// RuleNewerVersion: the chart is newer than what kasou knows.
	RuleNewerVersion finding.Rule = "vcluster-newer-version"
	// RuleUnsupportedField: this chart version has no way to honour a field.
	RuleUnsupportedField finding.Rule = "vcluster-unsupported-field"
	// RuleMissingServiceCIDR: the chart needs a service CIDR and has none.
	RuleMissingServiceCIDR finding.Rule = "vcluster-missing-service-cidr"
	// RuleIngressClass: class name and class annotation stand side by side.
	RuleIngressClass finding.Rule = "vcluster-ingress-class"
	// RuleTLSEnds: an Ingress that is not known to pass TLS through.
	RuleTLSEnds finding.Rule = "vcluster-tls-ends"
	// RuleIsolation: a value opens a way between the virtual cluster and its host.
	RuleIsolation finding.Rule = "vcluster-isolation"
	// RuleOverride: values say something else than a field of the spec.
	RuleOverride finding.Rule = "vcluster-override"
	// RuleDropped: a list in values lacks an item that a field needs.
	RuleDropped finding.Rule = "vcluster-dropped-item"
	// RuleDefeated: a value switches off what carries a field.
	RuleDefeated finding.Rule = "vcluster-defeated-field"
	// RuleRemovedValue: the chart no longer takes a value.
	RuleRemovedValue finding.Rule = "vcluster-removed-value"
)
