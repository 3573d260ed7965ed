package vcluster

// HasPod reports whether the syncer of a chart of that name runs in the pod NAME-0:
// in vcluster-k8s and vcluster-eks it is a Deployment (templates/syncer.yaml).
func HasPod(chart string) bool { return chart != "vcluster-k8s" && chart != "vcluster-eks" }

// cidrConfigMap returns the name of the ConfigMap from which the syncer of 0.17
// and 0.18 takes the service CIDR (v0.18.1 pkg/util/servicecidr).
func cidrConfigMap(name string) string { return "vc-cidr-" + name }
