package host

import "kasou/pipelines/finding"

const (
	// RuleServiceCIDRUnknown: serviceCIDR is auto, and the host does not tell
	// its range.
	RuleServiceCIDRUnknown finding.Rule = "host-service-cidr-unknown"
	// RuleServiceCIDROthers: the host has more service ranges than the one that
	// the cluster is told.
	RuleServiceCIDROthers finding.Rule = "host-service-cidr-others"
	// RuleNoNamespace: nothing of the cluster is on the host.
	RuleNoNamespace finding.Rule = "host-no-namespace"
	// RulePending: the cluster has not booted.
	RulePending finding.Rule = "host-pending"
	// RuleEmptySecret: the cluster's Secret has no kubeconfig in it.
	RuleEmptySecret finding.Rule = "host-empty-secret"
)
