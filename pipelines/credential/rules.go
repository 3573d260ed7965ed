package credential

import "kasou/pipelines/finding"

const (
	// RuleKubeconfig: the file is not a kubeconfig that kasou can read.
	RuleKubeconfig finding.Rule = "credential-kubeconfig"
	// RuleContext: the kubeconfig does not say which cluster and user are meant.
	RuleContext finding.Rule = "credential-context"
	// RuleRefused: the kubeconfig wants a command run, a file read, a check left
	// out, or another user acted for.
	RuleRefused finding.Rule = "credential-refused"
	// RuleMissing: the kubeconfig leaves out what Argo CD needs.
	RuleMissing finding.Rule = "credential-missing"
	// RulePEM: a certificate or key in it is damaged.
	RulePEM finding.Rule = "credential-pem"
	// RulePair: the client key does not belong to the client certificate.
	RulePair finding.Rule = "credential-pair"
	// RuleUsage: the client certificate is not for clients.
	RuleUsage finding.Rule = "credential-usage"
	// RuleToken: the bearer token has no form that a token can have.
	RuleToken finding.Rule = "credential-token"
	// RuleValidity: the credential has expired, or is not valid yet.
	RuleValidity finding.Rule = "credential-validity"
	// RuleExpiring: the credential ends within 30 days.
	RuleExpiring finding.Rule = "credential-expiring"
	// RuleServerName: tls-server-name is not a name that a certificate can have.
	RuleServerName finding.Rule = "credential-server-name"
)
