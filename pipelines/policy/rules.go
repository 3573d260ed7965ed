package policy

import "kasou/pipelines/finding"

const (
	// RuleNamespace: an object would go into a namespace that is not the
	// cluster's own.
	RuleNamespace finding.Rule = "policy-namespace"
	// RuleClusterScoped: an object without a namespace that the chart does not
	// need.
	RuleClusterScoped finding.Rule = "policy-cluster-scoped"
	// RuleUnknownScope: an object of which nobody knows whether it has a
	// namespace.
	RuleUnknownScope finding.Rule = "policy-unknown-scope"
	// RuleBinding: a binding to a role, or of a subject, that is not the
	// cluster's own.
	RuleBinding finding.Rule = "policy-binding"
	// RuleRights: a ClusterRole that is as good as cluster-admin.
	RuleRights finding.Rule = "policy-rights"
	// RuleKubeconfig: a Secret in the place of the one that vcluster writes its
	// kubeconfig into.
	RuleKubeconfig finding.Rule = "policy-kubeconfig"
	// RuleArgoCD: an object that tells Argo CD itself what to do.
	RuleArgoCD finding.Rule = "policy-argocd"
	// RulePodSecurity: the namespace would refuse the pods of a workload.
	RulePodSecurity finding.Rule = "policy-pod-security"
	// RuleHost: an object claims the name of another cluster's API server.
	RuleHost finding.Rule = "policy-host"
	// RuleTwice: two clusters bring one object.
	RuleTwice finding.Rule = "policy-two-clusters"
	// RuleUnusedAllow: an entry of spec.allow that allows nothing.
	RuleUnusedAllow finding.Rule = "policy-unused-allow"
)
