package tree

import "kasou/pipelines/finding"

const (
	// RuleForeignFile: where kasou would write stands a file that it did not.
	RuleForeignFile finding.Rule = "tree-foreign-file"
	// RuleSymlink: a symbolic link on the way to a generated file.
	RuleSymlink finding.Rule = "tree-symlink"
	// RuleNotAFile: a folder, device or socket where a file belongs, or a file
	// where a folder does.
	RuleNotAFile finding.Rule = "tree-not-a-file"
	// RuleBadLock: a lock file that does not parse, or that claims files which
	// cannot be this cluster's.
	RuleBadLock finding.Rule = "tree-bad-lock"
	// RuleRenamed: a cluster's folder that was another cluster's.
	RuleRenamed finding.Rule = "tree-renamed"
	// RuleBadPath: a generated file would stand outside the cluster's place.
	RuleBadPath finding.Rule = "tree-bad-path"
	// RuleHandEdit: a generated file was edited.
	RuleHandEdit finding.Rule = "tree-hand-edit"
	// RuleLineEnds: a checkout that has CRLF line ends.
	RuleLineEnds finding.Rule = "tree-line-ends"
	// RuleMissing: a generated file was deleted.
	RuleMissing finding.Rule = "tree-missing"
	// RuleStale: the generated files are not what the inputs now give.
	RuleStale finding.Rule = "tree-stale"
	// RuleNotBuilt: generated files were never written.
	RuleNotBuilt finding.Rule = "tree-not-built"
	// RuleInterrupted: a build was cut off while it wrote.
	RuleInterrupted finding.Rule = "tree-interrupted"
	// RuleRetired: the generated files of a cluster without a spec.yaml.
	RuleRetired finding.Rule = "tree-retired"
	// RuleOrphan: a file in root/ whose cluster has no folder.
	RuleOrphan finding.Rule = "tree-orphan"
	// RuleOrphanEdited: such a file that was edited, and therefore stays.
	RuleOrphanEdited finding.Rule = "tree-orphan-edited"
	// RuleNotDeleted: a file to be deleted that is not as the lock has it.
	RuleNotDeleted finding.Rule = "tree-not-deleted"
	// RuleLeftover: files in a retired cluster's folder that are not kasou's.
	RuleLeftover finding.Rule = "tree-leftover"
	// RuleUnknownFile: a manifest among kasou's that kasou did not write.
	RuleUnknownFile finding.Rule = "tree-unknown-file"
	// RuleSubmodule: a git submodule in the clusters folder.
	RuleSubmodule finding.Rule = "tree-submodule"
	// RulePrune: more than one cluster would be removed at once.
	RulePrune finding.Rule = "tree-prune"
)
