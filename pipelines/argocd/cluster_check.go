package argocd

import (
	"crypto/tls"
	"fmt"

	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

// inCluster is what Argo CD calls the cluster that it runs in.
const inCluster = "in-cluster"

var (
	inName   = []string{"metadata", "name"}
	inServer = []string{"spec", "server"}
)

// checkServer returns the server in the one spelling that is compared: Argo CD
// takes any string, dials one without https:// over plain HTTP, and knows two
// spellings of one server as two clusters.
func checkServer(c fleet.Cluster) (string, finding.List) {
	const hint = "Write the https URL at which Argo CD reaches the virtual cluster's API server, such as https://dev.k8s.example.com."
	if c.Spec.Server == "" {
		return "", finding.List{c.Finding(finding.Error, RuleClusterServer, inServer, "it has no server: Argo CD would not know what to dial", hint+" Or enable the ingress with a host.")}
	}
	server, err := ClusterServer(c)
	if err != nil {
		return "", finding.List{c.Finding(finding.Error, RuleClusterServer, inServer, "server "+err.Error(), hint)}
	}
	if server != c.Spec.Server {
		return server, finding.List{c.Finding(finding.Warning, RuleServerSpelling, inServer,
			fmt.Sprintf("server is written into the cluster Secret as %s", server),
			"Write it so here, and as destination.server of every Application that deploys into the cluster: Argo CD compares the strings.")}
	}
	return server, nil
}

// checkUnique finds what would make Argo CD take the credentials of either of
// two clusters (argo-cd#2288, #9606, #18118). server is empty where it is wrong.
func checkUnique(f *fleet.Fleet, c fleet.Cluster, server string) finding.List {
	var found finding.List
	clash := func(path []string, message string) {
		found = append(found, c.Finding(finding.Error, RuleClusterDuplicate, path, message+": Argo CD would use the credentials of either", "Give each cluster a name and a server of its own."))
	}
	if c.Name == inCluster {
		clash(inName, "in-cluster is Argo CD's name of the cluster that it runs in")
	}
	for _, name := range f.Spec.HostNames() {
		destination := f.Spec.DestinationOf(name)
		if host, err := fleet.NormalizeServer(destination.Server); err == nil && server == host {
			clash(inServer, "server is that of the host cluster")
		}
		if destination.Name == c.Name {
			clash(inName, "its name is also that of "+fleet.HostTitle(name))
		}
	}
	for _, other := range f.Clusters {
		if other.File == c.File {
			continue
		}
		if other.Name == c.Name {
			clash(inName, "its name is also that of "+other.File)
		}
		if theirs, err := ClusterServer(other); err == nil && theirs == server {
			clash(inServer, "server is also that of "+other.File)
		}
	}
	return found
}

// checkCredential wants one identity and a CA, whoever made the credential.
// credential.Parse has checked all else. The messages hold nothing of it.
func checkCredential(c fleet.Cluster, cred credential.Credential) finding.List {
	problem := ""
	pair := len(cred.CertData) > 0 || len(cred.KeyData) > 0
	switch {
	case len(cred.CAData) == 0:
		problem = "has no CA: Argo CD could not tell the cluster from another"
	case pair && cred.BearerToken != "":
		problem = "is a client certificate and a token at once"
	case !pair && cred.BearerToken == "":
		problem = "is neither a client certificate nor a token"
	case pair:
		if _, err := tls.X509KeyPair(cred.CertData, cred.KeyData); err != nil {
			problem = "has a key that does not belong to its certificate"
		}
	}
	if problem == "" {
		return nil
	}
	return finding.List{c.Finding(finding.Error, RuleClusterCredential, inName, "the credential "+problem, "Register it with the kubeconfig that vcluster wrote.")}
}
