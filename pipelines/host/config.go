package host

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"kasou/pipelines/finding"

	// The OIDC provider and the messages about providers that are gone, as in
	// kubectl.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// ConfigError is a configuration with which no host can be asked.
type ConfigError struct {
	// File is the kubeconfig, where one was named.
	File string
	// Reason says what is wrong with it, without anything that it holds.
	Reason string
}

func (e *ConfigError) Error() string {
	if e.File == "" {
		return "configuration of the host: " + e.Reason
	}
	return "kubeconfig " + e.File + ": " + e.Reason
}

// load returns the configuration by kubectl's rules.
func load(o Options) (*rest.Config, error) {
	if o.InCluster {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, &ConfigError{Reason: "kasou does not run in a cluster's pod: " + plain(err.Error())}
		}
		return config, nil
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(loadingRules(o), overrides).ClientConfig()
	if err != nil {
		return nil, &ConfigError{File: o.Kubeconfig, Reason: configReason(err, o)}
	}
	return config, nil
}

func loadingRules(o Options) *clientcmd.ClientConfigLoadingRules {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	rules.MigrationRules = nil // they copy files
	rules.WarnIfAllMissing = false
	return rules
}

// contextsOf returns which contexts there are, as the end of a message; empty for none.
func contextsOf(o Options) string {
	config, err := loadingRules(o).Load()
	if err != nil || len(config.Contexts) == 0 {
		return ""
	}
	const most = 5
	return "; there are " + plain(finding.Few(slices.Sorted(maps.Keys(config.Contexts)), most))
}

// configReason repeats no parser's message: it can quote a credential.
func configReason(err error, o Options) string {
	var path *fs.PathError
	switch {
	case clientcmd.IsEmptyConfig(err) && o.Kubeconfig == "" && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != "":
		return "KUBECONFIG names no file with a cluster in it: " + plain(os.Getenv(clientcmd.RecommendedConfigPathEnvVar))
	case clientcmd.IsEmptyConfig(err):
		return "there is none: set KUBECONFIG, or run kasou in a pod of the host"
	case o.Context != "" && err.Error() == fmt.Sprintf("context %q does not exist", o.Context):
		return err.Error() + contextsOf(o)
	case clientcmd.IsConfigurationInvalid(err), clientcmd.IsContextNotFound(err):
		return plain(err.Error())
	case errors.As(err, &path):
		return path.Op + ": " + path.Err.Error()
	}
	return "kubectl could not read it either; `kubectl config view` says why"
}
