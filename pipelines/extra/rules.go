package extra

import "kasou/pipelines/finding"

const (
	// RuleFile: something in a cluster's extra folder that kasou does not read.
	RuleFile finding.Rule = "extra-file"
	// RuleSyntax: an extra that is not YAML, or not one object a document.
	RuleSyntax finding.Rule = "extra-syntax"
	// RuleSecret: an extra with a Secret in plain text.
	RuleSecret finding.Rule = "extra-secret"
)
