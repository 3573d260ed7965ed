package tree_test

import (
	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/finding"
)

var (
	repo         = treetest.Repo
	at           = treetest.At
	put          = treetest.Put
	remove       = treetest.Remove
	snapshot     = treetest.Snapshot
	generation   = treetest.Generation
	generationOf = treetest.GenerationOf
	mustCompare  = treetest.Compare
	mustBuild    = treetest.Build
	buildOn      = treetest.BuildOn
	causes       = treetest.Causes
)

func rules(list finding.List) []finding.Rule {
	var rules []finding.Rule
	for _, f := range list {
		rules = append(rules, f.Rule)
	}
	return rules
}
