package chart

import "kasou/pipelines/finding"

// What can be wrong with a cluster's chart.
const (
	// RuleRepository is a repository that cannot be used as it is written.
	RuleRepository finding.Rule = "chart-repository"
	// RuleNotFound is a chart or version that the repository does not have.
	RuleNotFound finding.Rule = "chart-not-found"
	// RuleCredentials is a repository that refuses us, or credentials that
	// cannot be read.
	RuleCredentials finding.Rule = "chart-credentials"
	// RulePath is a chart path that is not there or cannot be used.
	RulePath finding.Rule = "chart-path"
	// RuleSymlink is a chart folder with a symbolic link out of itself.
	RuleSymlink finding.Rule = "chart-symlink"
	// RuleNotAChart is a folder or archive that is not an application chart.
	RuleNotAChart finding.Rule = "chart-not-a-chart"
	// RuleArchive is an archive that kasou refuses to open: too large, or with
	// entries that no chart has.
	RuleArchive finding.Rule = "chart-archive"
	// RuleMismatch is a chart whose Chart.yaml has another name or version than
	// the spec asks for.
	RuleMismatch finding.Rule = "chart-mismatch"
	// RuleIndexDigest is an archive that is not the one its repository's
	// index.yaml promises.
	RuleIndexDigest finding.Rule = "chart-index-digest"
	// RuleDigest is a chart that is no longer the one pinned in lock.yaml.
	RuleDigest finding.Rule = "chart-digest"
	// RuleNewer is a source with newer versions of the chart.
	RuleNewer finding.Rule = "lock-newer-chart"
	// RuleCache is a chart that could not be kept in the cache.
	RuleCache finding.Rule = "chart-cache"
)
