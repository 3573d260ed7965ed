package disk_test

import (
	"kasou/internal/fleettest/treetest"
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
