package chart

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"

	"kasou/pipelines/finding"

	"helm.sh/helm/v3/pkg/helmpath"
	"sigs.k8s.io/yaml"
)

// credentialsFile is where Helm keeps a registry's, below its configuration.
const credentialsFile = "registry/config.json"

// configFiles are where Helm keeps credentials.
type configFiles struct{ repositories, registries string }

func defaultConfigFiles() configFiles {
	return configFiles{
		repositories: cmp.Or(os.Getenv("HELM_REPOSITORY_CONFIG"), helmpath.ConfigPath("repositories.yaml")),
		registries:   cmp.Or(os.Getenv("HELM_REGISTRY_CONFIG"), helmpath.ConfigPath(credentialsFile)),
	}
}

func unreadableConfig(file string, err error) *Problem {
	return &Problem{
		Rule: RuleCredentials, Field: "repository",
		Message: fmt.Sprintf("the credentials in %s cannot be read: %v", file, finding.Cause(err)),
		Hint:    "Mend the file, or write it anew with `helm repo add` or `helm registry login`.",
	}
}

// site is how to talk to one http(s) repository.
type site struct {
	origin string
	entry  repositoryEntry
	// trusted has the entry's client certificate and checks; other has neither.
	trusted, other http.RoundTripper
}

// newSite finds the repository in Helm's repositories.yaml.
func newSite(repository string, config configFiles) (*site, error) {
	u, err := url.Parse(repository)
	if err != nil {
		return nil, err
	}
	entry, err := config.entry(repository)
	if err != nil {
		return nil, err
	}
	trusted, other, err := tlsConfigs(entry)
	if err != nil {
		return nil, err
	}
	return &site{origin: origin(u), entry: entry, trusted: newTransport(trusted), other: newTransport(other)}, nil
}

// repositoryEntry is what kasou reads of an entry in Helm's repositories.yaml.
// Helm's own type would link half of kubectl into kasou, which each start pays
// for.
type repositoryEntry struct {
	URL                   string `json:"url"`
	Username              string `json:"username"`
	Password              string `json:"password"`
	CertFile              string `json:"certFile"`
	KeyFile               string `json:"keyFile"`
	CAFile                string `json:"caFile"`
	InsecureSkipTLSverify bool   `json:"insecure_skip_tls_verify"`
	PassCredentialsAll    bool   `json:"pass_credentials_all"`
}

// entry returns the repository's entry, an empty one where Helm knows none.
func (f configFiles) entry(repository string) (repositoryEntry, error) {
	data, err := os.ReadFile(f.repositories)
	if errors.Is(err, fs.ErrNotExist) {
		return repositoryEntry{}, nil
	}
	var file struct {
		Repositories []repositoryEntry `json:"repositories"`
	}
	if err != nil || yaml.Unmarshal(data, &file) != nil {
		return repositoryEntry{}, unreadableConfig(f.repositories, errors.New("it is not a repositories.yaml of Helm"))
	}
	for _, entry := range file.Repositories {
		if normalURL(entry.URL) == normalURL(repository) {
			return entry, nil
		}
	}
	return repositoryEntry{}, nil
}

// tlsConfigs returns the TLS settings for the repository itself, and for other
// hosts that it refers to: those are checked, by the same authorities, and get
// no client certificate.
func tlsConfigs(entry repositoryEntry) (trusted, other *tls.Config, err error) {
	trusted = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: entry.InsecureSkipTLSverify} // #nosec G402 -- what the person told Helm
	other = &tls.Config{MinVersion: tls.VersionTLS12}
	if entry.CAFile != "" {
		pem, err := os.ReadFile(entry.CAFile)
		if err != nil {
			return nil, nil, unreadableConfig(entry.CAFile, err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, nil, unreadableConfig(entry.CAFile, errors.New("it holds no certificate"))
		}
		trusted.RootCAs, other.RootCAs = pool, pool
	}
	if entry.CertFile != "" || entry.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(entry.CertFile, entry.KeyFile)
		if err != nil {
			return nil, nil, unreadableConfig(entry.CertFile, err)
		}
		trusted.Certificates = []tls.Certificate{pair}
	}
	return trusted, other, nil
}

// client returns a client for one request to target. Credentials are added below
// the layer that follows redirects, by the origin of each request, so that no
// redirect can carry them off.
func (s *site) client(target *url.URL) *http.Client {
	t := &originTransport{site: s, origins: map[string]bool{s.origin: true}}
	if s.entry.PassCredentialsAll {
		t.origins[origin(target)] = true
	}
	return &http.Client{Transport: t, CheckRedirect: checkRedirect}
}

type originTransport struct {
	site    *site
	origins map[string]bool
}

// RoundTrip sends the request, with credentials where its origin may see them.
func (t *originTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if !t.origins[origin(request.URL)] {
		return t.site.other.RoundTrip(request)
	}
	if t.site.entry.Username != "" && t.site.entry.Password != "" {
		request = request.Clone(request.Context())
		request.SetBasicAuth(t.site.entry.Username, t.site.entry.Password)
	}
	return t.site.trusted.RoundTrip(request)
}
