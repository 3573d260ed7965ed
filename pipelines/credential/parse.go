package credential

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

const (
	// expiringSoon leaves a month to register again.
	expiringSoon = 30 * 24 * time.Hour
	kubeHint     = "Give the kubeconfig that vcluster wrote: the key config of the Secret vc-NAME."
	freshHint    = "restart the virtual cluster, which renews its certificates, and register it again"
)

// parser collects everything that is wrong with one kubeconfig.
type parser struct {
	now   time.Time
	found finding.List
}

// Parse takes the credential of the current context out of a kubeconfig, and
// checks it at the time now. The findings name no file and hold nothing of the
// kubeconfig's values; Place puts them to a cluster. The credential is good
// only if none of them is an error. The kubeconfig's server is not taken over:
// it is https://localhost:8443 more often than not.
func Parse(data []byte, now time.Time) (Credential, finding.List) {
	p := &parser{now: now}
	k, err := read(data)
	if err != nil {
		p.fail(RuleKubeconfig, "it cannot be read: "+err.Error(), kubeHint)
		return Credential{}, p.found
	}
	c, u, err := k.current()
	if err != nil {
		p.fail(RuleContext, err.Error(), "Leave one context in it, and name it as current-context: `kubectl config view --minify --flatten` does.")
		return Credential{}, p.found
	}
	p.refuse(c, u)
	credential := Credential{}
	credential.Server, _ = fleet.NormalizeServer(c.Server)
	p.serverName(c, &credential)
	p.authority(c, &credential)
	p.user(u, &credential)
	if p.found.Failed() {
		return Credential{}, p.found
	}
	return credential, p.found
}

// Place puts the findings of Parse to a cluster. source says where the
// kubeconfig comes from, such as a Secret or a file.
func Place(c fleet.Cluster, source string, found finding.List) finding.List {
	placed := make(finding.List, 0, len(found))
	for _, f := range found {
		placed = append(placed, c.Finding(f.Severity, f.Rule, []string{"metadata", "name"}, "kubeconfig "+source+": "+f.Message, f.Hint))
	}
	return placed
}

func (p *parser) fail(rule finding.Rule, message, hint string) {
	p.found = append(p.found, finding.Finding{Rule: rule, Severity: finding.Error, Message: message, Hint: hint})
}

func (p *parser) warn(rule finding.Rule, message, hint string) {
	p.found = append(p.found, finding.Finding{Rule: rule, Severity: finding.Warning, Message: message, Hint: hint})
}

// refuse names every field that is there and must not be.
func (p *parser) refuse(c clusterEntry, u userEntry) {
	const embed = "Embed it: `kubectl config view --minify --flatten` writes the same with the file's content."
	for _, f := range []struct {
		there              bool
		field, why, remedy string
	}{
		{c.Insecure, "insecure-skip-tls-verify", "anyone on the way could read and change everything", "give the cluster's CA as certificate-authority-data"},
		{c.ProxyURL != "", "proxy-url", "Argo CD would send the credential through it", "take it out; Argo CD reaches the cluster by its own network"},
		{c.CAFile != "", "certificate-authority", "kasou reads no file that a kubeconfig names", embed},
		{u.CertFile != "", "client-certificate", "kasou reads no file that a kubeconfig names", embed},
		{u.KeyFile != "", "client-key", "kasou reads no file that a kubeconfig names", embed},
		{u.TokenFile != "", "tokenFile", "kasou reads no file that a kubeconfig names", "give a token of a ServiceAccount of the virtual cluster"},
		{u.Exec != nil, "exec", "its command would run inside Argo CD", kubeHint},
		{u.AuthProvider != nil, "auth-provider", "Argo CD cannot use it", kubeHint},
		{u.Username != "" || u.Password != "", "username and password", "no Kubernetes that vcluster runs takes them", kubeHint},
		{u.As != "" || u.AsUID != "" || u.AsGroups != nil || u.AsExtra != nil, "as", "a cluster Secret cannot act for another user, so Argo CD would have other rights than this file", "give the kubeconfig of the user that Argo CD is to be"},
	} {
		if f.there {
			p.fail(RuleRefused, "it has "+f.field+": "+f.why, f.remedy)
		}
	}
}

func (p *parser) serverName(c clusterEntry, into *Credential) {
	name := strings.ToLower(c.TLSServerName)
	if name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 && len(validation.IsValidIP(nil, name)) > 0 {
		p.fail(RuleServerName, "tls-server-name is neither a DNS name nor an IP address", "Write the name that stands in the API server's certificate, or take it out.")
		return
	}
	into.ServerName = name
}
