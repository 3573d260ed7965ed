package credential

import (
	"errors"
	"fmt"
	"regexp"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
)

// kubeconfig has every field of the v1 format (client-go's
// tools/clientcmd/api/v1), so that one that is not here is unknown to kubectl,
// too. encoding/json takes keys in any case, as kubectl does.
type kubeconfig struct {
	Kind           string                 `json:"kind"`
	APIVersion     string                 `json:"apiVersion"`
	Preferences    any                    `json:"preferences"`
	Clusters       []named[clusterEntry]  `json:"clusters"`
	Users          []named[userEntry]     `json:"users"`
	Contexts       []named[*contextEntry] `json:"contexts"`
	CurrentContext string                 `json:"current-context"`
	Extensions     any                    `json:"extensions"`
}

// named is an entry of any of the three lists: each calls its content by
// another key.
type named[T any] struct {
	Name    string `json:"name"`
	Cluster T      `json:"cluster"`
	User    T      `json:"user"`
	Context T      `json:"context"`
}

type clusterEntry struct {
	Server        string `json:"server"`
	TLSServerName string `json:"tls-server-name"`
	Insecure      bool   `json:"insecure-skip-tls-verify"`
	CAFile        string `json:"certificate-authority"`
	CAData        string `json:"certificate-authority-data"`
	ProxyURL      string `json:"proxy-url"`
	NoCompression bool   `json:"disable-compression"`
	Extensions    any    `json:"extensions"`
}

type userEntry struct {
	CertFile     string `json:"client-certificate"`
	CertData     string `json:"client-certificate-data"`
	KeyFile      string `json:"client-key"`
	KeyData      string `json:"client-key-data"`
	Token        string `json:"token"`
	TokenFile    string `json:"tokenFile"`
	As           string `json:"as"`
	AsUID        string `json:"as-uid"`
	AsGroups     any    `json:"as-groups"`
	AsExtra      any    `json:"as-user-extra"`
	Username     string `json:"username"`
	Password     string `json:"password"`
	AuthProvider any    `json:"auth-provider"`
	Exec         any    `json:"exec"`
	Extensions   any    `json:"extensions"`
}

type contextEntry struct {
	Cluster    string `json:"cluster"`
	User       string `json:"user"`
	Namespace  string `json:"namespace"`
	Extensions any    `json:"extensions"`
}

// maximumFile bounds what is parsed: a kubeconfig has a few KB.
const maximumFile = 1 << 20

var lineNumber = regexp.MustCompile(`line (\d+)`)

// read parses a kubeconfig. The error repeats nothing of it: where indentation
// is lost, a secret can look like a field or an alias.
func read(data []byte) (*kubeconfig, error) {
	if len(data) > maximumFile {
		return nil, errors.New("it is larger than a kubeconfig can be")
	}
	switch documents := manifest.Parse(manifest.Other, "", data).Documents; {
	case len(documents) == 0:
		return nil, errors.New("it is empty")
	case len(documents) > 1:
		return nil, fmt.Errorf("it has %d YAML documents", len(documents))
	case documents[0].Divided != nil:
		return nil, errors.New("it is not one YAML document")
	}
	var k kubeconfig
	if err := yaml.UnmarshalStrict(data, &k); err != nil {
		if line := lineNumber.FindStringSubmatch(err.Error()); line != nil {
			return nil, fmt.Errorf("its YAML does not parse at line %s", line[1])
		}
		return nil, errors.New("it has a field that kubeconfigs do not have, or a value of another type")
	}
	if k.Kind != "" && k.Kind != "Config" || k.APIVersion != "" && k.APIVersion != "v1" {
		return nil, errors.New("its kind and apiVersion are not Config and v1")
	}
	return &k, nil
}

// current returns the cluster and user that the kubeconfig chooses. Names stay
// out of the error.
func (k *kubeconfig) current() (clusterEntry, userEntry, error) {
	name := k.CurrentContext
	if name == "" {
		if len(k.Contexts) != 1 {
			return clusterEntry{}, userEntry{}, fmt.Errorf("it has %d contexts and no current-context", len(k.Contexts))
		}
		name = k.Contexts[0].Name
	}
	context, err := only(k.Contexts, name, "contexts", "current-context")
	if err != nil {
		return clusterEntry{}, userEntry{}, err
	}
	if context.Context == nil {
		return clusterEntry{}, userEntry{}, errors.New("its current context is empty")
	}
	c, err := only(k.Clusters, context.Context.Cluster, "clusters", "the current context")
	if err != nil {
		return clusterEntry{}, userEntry{}, err
	}
	u, err := only(k.Users, context.Context.User, "users", "the current context")
	return c.Cluster, u.User, err
}

func only[T any](entries []named[T], name, list, by string) (named[T], error) {
	var found []named[T]
	for _, e := range entries {
		if e.Name == name {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return named[T]{}, fmt.Errorf("%s names an entry that is not in its %s", by, list)
	case 1:
		return found[0], nil
	}
	return named[T]{}, fmt.Errorf("%s names an entry that is %d times in its %s", by, len(found), list)
}
