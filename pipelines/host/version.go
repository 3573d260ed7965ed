package host

import (
	"context"

	"k8s.io/client-go/tools/clientcmd"
)

// Version returns the Kubernetes version that the host says it has, such as v1.34.1. The
// error is one of this package's.
func (h *Host) Version(ctx context.Context) (string, error) {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	err := h.decode(ctx, call{doing: "asking the host for its version", path: "/version",
		needs: Permission{Verb: "get", URL: "/version"}}, &version)
	return version.GitVersion, err
}

// Context returns the name of the kubeconfig's context that leads to the host; empty
// where no kubeconfig does.
func (h *Host) Context() string {
	if h.options.Context != "" || h.options.InCluster {
		return h.options.Context
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = h.options.Kubeconfig
	rules.MigrationRules = nil // they copy files
	config, err := rules.Load()
	if err != nil {
		return ""
	}
	return config.CurrentContext
}
