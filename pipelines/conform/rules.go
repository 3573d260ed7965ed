package conform

import "kasou/pipelines/finding"

// The rules of this package.
const (
	// RuleSyntax: a generated file is not YAML that can be split into objects.
	RuleSyntax finding.Rule = "conform-syntax"
	// RuleInvalid: an object breaks the schema of its kind.
	RuleInvalid finding.Rule = "conform-invalid"
	// RuleUnknownKind: there is no schema for an object's kind.
	RuleUnknownKind finding.Rule = "conform-unknown-kind"
	// RuleNotAnObject: a document is not a Kubernetes object.
	RuleNotAnObject finding.Rule = "conform-not-an-object"
	// RuleNoName: an object has no metadata.name, or one that the API server refuses.
	RuleNoName finding.Rule = "conform-no-name"
	// RuleLiveField: an object was copied from a cluster with fields that its API
	// server wrote.
	RuleLiveField finding.Rule = "conform-live-field"
	// RuleDuplicate: the same object stands twice in one cluster's files.
	RuleDuplicate finding.Rule = "conform-duplicate"
	// RuleTooLarge: a generated file is larger than any manifest should be.
	RuleTooLarge finding.Rule = "conform-too-large"
	// RuleFolderSize: an Application has more manifests than Argo CD reads of one, or nearly.
	RuleFolderSize finding.Rule = "conform-folder-size"
	// RuleIgnoredFile: a generated file has a name, or a text in it, for which Argo CD does
	// not read it.
	RuleIgnoredFile finding.Rule = "conform-ignored-file"
	// RuleVersion: kasou has no schemas for the host's Kubernetes version.
	RuleVersion finding.Rule = "conform-kubernetes-version"
	// RuleSchema: a schema named in fleet.yaml cannot be used.
	RuleSchema finding.Rule = "conform-schema"
)
