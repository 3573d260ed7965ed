package argocd

import "kasou/pipelines/finding"

// RuleSharedPodSecurity: clusters that share a namespace want different Pod
// Security levels of it.
const RuleSharedPodSecurity finding.Rule = "argocd-shared-pod-security"
