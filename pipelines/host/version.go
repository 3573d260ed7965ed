package host

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
)

var askingVersion = call{doing: "asking the host for its version", needs: Permission{Verb: "get", URL: "/version"}}

// Ping asks whether the host answers at all. The errors are those of a host
// that cannot be asked.
func (h *Host) Ping(ctx context.Context) error {
	return h.decode(ctx, askingVersion, &json.RawMessage{})
}

var versionStart = regexp.MustCompile(`^v(1\.[0-9]+\.[0-9]+)`)

// Version returns the Kubernetes version of the host, such as 1.34.1, without what a
// provider adds to it. The errors are those of a host that cannot be asked, and one for
// an answer that has no version.
func (h *Host) Version(ctx context.Context) (string, error) {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := h.decode(ctx, askingVersion, &version); err != nil {
		return "", err
	}
	m := versionStart.FindStringSubmatch(version.GitVersion)
	if m == nil {
		return "", fmt.Errorf("the host says that its version is %q: write host.kubernetesVersion by hand", version.GitVersion)
	}
	return m[1], nil
}

// Context returns the name of the kubeconfig's context that leads to the host; empty
// where no kubeconfig does.
func (h *Host) Context() string {
	if h.options.Context != "" || h.options.InCluster {
		return h.options.Context
	}
	config, err := loadingRules(h.options).Load()
	if err != nil {
		return ""
	}
	return config.CurrentContext
}
