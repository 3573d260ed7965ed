package fleet

import "kasou/pipelines/finding"

// What can be wrong with the files themselves.
const (
	// RuleMissingFile is a clusters folder without fleet.yaml.
	RuleMissingFile finding.Rule = "fleet-missing-file"
	// RuleMissingSpec is a cluster's folder without spec.yaml.
	RuleMissingSpec finding.Rule = "fleet-missing-spec"
	// RuleNotRegular is a file or folder that is a link, a device or the like.
	RuleNotRegular finding.Rule = "fleet-not-regular"
	// RuleUnreadable is a file that the system does not let kasou read.
	RuleUnreadable finding.Rule = "fleet-unreadable"
	// RuleTooLarge is a file above the size limit.
	RuleTooLarge finding.Rule = "fleet-too-large"
	// RuleEncoding is a file that is not UTF-8 text.
	RuleEncoding finding.Rule = "fleet-encoding"
	// RuleFileName is a file whose name is nearly one that kasou reads.
	RuleFileName finding.Rule = "fleet-file-name"
	// RuleReservedFolder is a spec in a folder that is kasou's own.
	RuleReservedFolder finding.Rule = "fleet-reserved-folder"
	// RuleFolderCase is two folders whose names differ in letter case alone.
	RuleFolderCase finding.Rule = "fleet-folder-case"
)

// What can be wrong with the form of a file.
const (
	// RuleSyntax is a file that is not one YAML document.
	RuleSyntax finding.Rule = "fleet-syntax"
	// RuleDuplicateKey is a key that stands twice in a mapping.
	RuleDuplicateKey finding.Rule = "fleet-duplicate-key"
	// RuleUnknownField is a key that kasou does not know.
	RuleUnknownField finding.Rule = "fleet-unknown-field"
	// RuleMissingField is a required key that is not there.
	RuleMissingField finding.Rule = "fleet-missing-field"
	// RuleWrongType is a value of another type than the field has.
	RuleWrongType finding.Rule = "fleet-wrong-type"
	// RuleWrongValue is a value that is not one of those the field can have.
	RuleWrongValue finding.Rule = "fleet-wrong-value"
	// RuleEmptyValue is a key with nothing in it.
	RuleEmptyValue finding.Rule = "fleet-empty-value"
)

// What can be wrong with what a file says.
const (
	// RuleNameMismatch is a metadata.name that differs from the folder's name.
	RuleNameMismatch finding.Rule = "fleet-name-mismatch"
	// RuleName is a name that Kubernetes does not take.
	RuleName finding.Rule = "fleet-name"
	// RuleNameLength is a name too long for what is named after it.
	RuleNameLength finding.Rule = "fleet-name-length"
	// RuleNamespace is a namespace that Kubernetes does not take.
	RuleNamespace finding.Rule = "fleet-namespace"
	// RuleReservedNamespace is a namespace that belongs to somebody else.
	RuleReservedNamespace finding.Rule = "fleet-reserved-namespace"
	// RuleCIDR is a service range that does not parse.
	RuleCIDR finding.Rule = "fleet-cidr"
	// RuleCIDRSize is a service range of a size that an API server refuses.
	RuleCIDRSize finding.Rule = "fleet-cidr-size"
	// RuleIngressHost is an ingress host that is missing or no DNS name.
	RuleIngressHost finding.Rule = "fleet-ingress-host"
	// RuleIngressDisabled is an ingress host without an enabled ingress.
	RuleIngressDisabled finding.Rule = "fleet-ingress-disabled"
	// RuleServer is a server that Argo CD should not or cannot dial.
	RuleServer finding.Rule = "fleet-server"
	// RuleChart is a chart named in a way that nobody can find it.
	RuleChart finding.Rule = "fleet-chart"
	// RuleChartVersion is a chart version that is not exact.
	RuleChartVersion finding.Rule = "fleet-chart-version"
	// RulePath is a path that is absolute or leads out of the repo.
	RulePath finding.Rule = "fleet-path"
	// RuleCredentials is a URL with a password in it.
	RuleCredentials finding.Rule = "fleet-credentials"
	// RuleRepository is a git repository's URL that Argo CD cannot read.
	RuleRepository finding.Rule = "fleet-repository"
	// RuleProject is an Argo CD project that the fleet does not allow.
	RuleProject finding.Rule = "fleet-project"
	// RuleImage is a tool's image that is not pinned by a digest.
	RuleImage finding.Rule = "fleet-image"
	// RuleClusterMetadata is a label or annotation that Kubernetes does not take,
	// or that is not for a spec to set.
	RuleClusterMetadata finding.Rule = "fleet-cluster-metadata"
	// RuleClusterNamespaces is a binding to namespaces that Argo CD would not
	// read as it is meant.
	RuleClusterNamespaces finding.Rule = "fleet-cluster-namespaces"
	// RuleValuesFrom is a value from elsewhere that cannot be placed or found.
	RuleValuesFrom finding.Rule = "fleet-values-from"
	// RuleValuesDenied is a value from a place that is not the cluster's own.
	RuleValuesDenied finding.Rule = "fleet-values-denied"
	// RuleFieldManager is an entry of drift.managers that allows nothing.
	RuleFieldManager finding.Rule = "fleet-field-manager"
	// RuleDuration is a duration that does not parse or is not above zero.
	RuleDuration finding.Rule = "fleet-duration"
)

// What can be wrong between clusters.
const (
	// RuleDuplicateName is a cluster name that another cluster has.
	RuleDuplicateName finding.Rule = "fleet-duplicate-name"
	// RuleDuplicateNamespace is a namespace shared without saying so.
	RuleDuplicateNamespace finding.Rule = "fleet-duplicate-namespace"
	// RuleSharedNamespace is a shared namespace whose sharers disagree.
	RuleSharedNamespace finding.Rule = "fleet-shared-namespace"
	// RuleDuplicateHost is an ingress host that another cluster has.
	RuleDuplicateHost finding.Rule = "fleet-duplicate-host"
	// RuleDuplicateServer is a server that another cluster has.
	RuleDuplicateServer finding.Rule = "fleet-duplicate-server"
	// RuleDuplicateSecret is a Secret's name that another cluster uses.
	RuleDuplicateSecret finding.Rule = "fleet-duplicate-secret"
	// RuleSharedRetire: the fleet's defaults say retire for every cluster.
	RuleSharedRetire finding.Rule = "fleet-shared-retire"
	// RuleSharedAccept: the fleet's defaults accept a step for every cluster.
	RuleSharedAccept finding.Rule = "fleet-shared-accept"
	// RuleTwoFleets: another fleet of the repository makes the same objects of Argo CD.
	RuleTwoFleets finding.Rule = "fleet-two-fleets"
	// RulePublicKey: sealing.publicKey is not a list of Ed25519 keys.
	RulePublicKey finding.Rule = "fleet-public-key"
)
