package vcluster

// CredentialSecret gives the name of the Secret in which a vcluster of any
// version exports its kubeconfig: vc-NAME, in the vcluster's namespace.
func CredentialSecret(name string) string { return "vc-" + name }

// cidrConfigMap gives the name of the ConfigMap from which the syncer of 0.17
// and 0.18 takes the service CIDR (v0.18.1 pkg/util/servicecidr).
func cidrConfigMap(name string) string { return "vc-cidr-" + name }
