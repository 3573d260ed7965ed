package render

import "kasou/pipelines/finding"

const (
	// RuleChart is a chart that does not render: its templates fail, or Helm
	// refuses it.
	RuleChart finding.Rule = "render-chart"
	// RuleValues is a value that the chart's values.schema.json refuses.
	RuleValues finding.Rule = "render-values"
	// RuleImpure is a chart that renders differently each time.
	RuleImpure finding.Rule = "render-impure"
	// RuleLookup is a template that asks a live cluster, and gets nothing.
	RuleLookup finding.Rule = "render-lookup"
	// RulePath is a rendered file whose path cannot be written everywhere.
	RulePath finding.Rule = "render-path"
	// RuleSecretValues: the chart renders with placeholders and not with the
	// values that they stand for.
	RuleSecretValues finding.Rule = "render-hidden-values"
)
