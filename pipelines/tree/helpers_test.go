package tree_test

import (
	"kasou/pipelines/finding"
)

func rules(list finding.List) []finding.Rule {
	var rules []finding.Rule
	for _, f := range list {
		rules = append(rules, f.Rule)
	}
	return rules
}
