package argocd

import "kasou/pipelines/finding"

const (
	// RuleSharedPodSecurity: clusters that share a namespace want different Pod
	// Security levels of it.
	RuleSharedPodSecurity finding.Rule = "argocd-shared-pod-security"
	// RuleClusterServer: the server is none that Argo CD should dial.
	RuleClusterServer finding.Rule = "argocd-cluster-server"
	// RuleServerSpelling: the server is spelled otherwise than the cluster Secret
	// has it.
	RuleServerSpelling finding.Rule = "argocd-server-spelling"
	// RuleClusterDuplicate: two clusters would have one name or one server.
	RuleClusterDuplicate finding.Rule = "argocd-cluster-duplicate"
	// RuleClusterCredential: the credential is not one identity and a CA.
	RuleClusterCredential finding.Rule = "argocd-cluster-credential"
)
