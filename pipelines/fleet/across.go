package fleet

import (
	"fmt"
	"reflect"
	"strings"
)

// claim says who was first to use a name, and in which field.
type claim struct {
	owner *check
	path  string
}

// place returns file:line of the claim.
func (c claim) place() string { return c.owner.place(c.path) }

// checkAcross checks the clusters against each other. Each finding stands at
// the later cluster and names the place of the earlier one.
func checkAcross(f *Fleet, all []*check) {
	unique(all, "metadata.name", func(k *check) string { return k.name }, func(k *check, other claim) *problem {
		return fail(RuleDuplicateName, fmt.Sprintf("%s is also the name of the cluster at %s", quoted(k.name), other.place()), "Give each cluster a name of its own.")
	})
	checkHostNames(all)
	checkServers(f, all)
	checkNamesOfHosts(f, all)
	checkNamespaces(all)
	checkSecrets(f, all)
}

// unique reports every cluster whose key an earlier one has. Empty keys do not
// count.
func unique(all []*check, path string, key func(*check) string, say func(*check, claim) *problem) {
	first := make(map[string]claim, len(all))
	for _, k := range all {
		id := key(k)
		if id == "" {
			continue
		}
		if other, taken := first[id]; taken {
			k.report(path, say(k, other))
			continue
		}
		first[id] = claim{owner: k, path: path}
	}
}

// place returns file:line of the value at path, or of what makes it.
func (k *check) place(path string) string {
	at := k.cluster.Finding(0, "", strings.Split(path, "."), "", "")
	return fmt.Sprintf("%s:%d", at.File, at.Line)
}

// checkServers reports two clusters, or a cluster and the host, behind one
// URL: Argo CD would take the credentials of either. Two servers made of one
// endpoint's host have its finding already.
func checkServers(f *Fleet, all []*check) {
	var hosts []hostServers
	for _, name := range f.Spec.HostNames() {
		hosts = append(hosts, serversOf(f.Spec, name))
	}
	first := make(map[string]*check, len(all))
	for _, k := range all {
		server := k.server
		if server == "" {
			continue
		}
		path := k.serverPath()
		for _, host := range hosts {
			if host.has(server) {
				k.report(path, fail(RuleDuplicateServer, verb(path)+server+", which is that of "+HostTitle(host.name)+" itself", "Write the virtual cluster's own URL."))
				break
			}
		}
		other, taken := first[server]
		if !taken {
			first[server] = k
			continue
		}
		if path == "spec.server" || other.serverPath() == "spec.server" {
			k.report(path, fail(RuleDuplicateServer, fmt.Sprintf("%s%s, which is also the server of %s (%s)", verb(path), server, other.cluster.Name, other.place(other.serverPath())),
				"Give each cluster a server of its own: Argo CD would use the credentials of either."))
		}
	}
}

// checkNamesOfHosts reports a cluster with the name under which Argo CD knows a host: it
// would deploy to either.
func checkNamesOfHosts(f *Fleet, all []*check) {
	hosts := map[string]string{}
	for _, host := range f.Spec.HostNames() {
		if name := f.Spec.DestinationOf(host).Name; name != "" {
			hosts[name] = host
		}
	}
	for _, k := range all {
		if host, taken := hosts[k.name]; taken {
			k.report("metadata.name", fail(RuleDuplicateName, quoted(k.name)+" is also what Argo CD calls "+HostTitle(host)+" (destination.name in fleet.yaml)", "Give the cluster another name."))
		}
	}
}

// serverPath returns which field the server comes from.
func (k *check) serverPath() string {
	if ways := k.cluster.Spec.Ways(); k.given.Server == "" && len(ways) > 0 {
		return strings.Join(ways[0].Path, ".")
	}
	return "spec.server"
}

func verb(path string) string {
	if path == "spec.server" {
		return "is "
	}
	return "makes the server "
}

// place is a namespace on a host.
type place struct{ host, namespace string }

func (c Cluster) place() place { return place{c.Spec.Host, c.Spec.Namespace} }

// checkNamespaces lets clusters share a namespace only where each says so, and
// all want the same of it.
func checkNamespaces(all []*check) {
	sharers := make(map[place][]*check, len(all))
	for _, k := range all {
		sharers[k.cluster.place()] = append(sharers[k.cluster.place()], k)
	}
	for _, k := range all {
		group := sharers[k.cluster.place()]
		if len(group) < 2 {
			continue
		}
		other := group[0]
		if other == k {
			other = group[1]
		}
		where := fmt.Sprintf("%s (%s)", other.cluster.Name, other.place("spec.namespace"))
		switch {
		case !k.cluster.Spec.ShareNamespace:
			k.report("spec.namespace", fail(RuleDuplicateNamespace, fmt.Sprintf("%s is also the namespace of %s", quoted(k.cluster.Spec.Namespace), where),
				"Give each cluster a namespace of its own, or write shareNamespace: true in all that share it."))
		case k == group[0]:
		case !reflect.DeepEqual(k.cluster.Spec.PodSecurity, group[0].cluster.Spec.PodSecurity):
			k.report("spec.podSecurity", fail(RuleSharedNamespace, "differs from that of "+where+", and they share a namespace", "Write the same podSecurity in all that share it."))
		}
	}
}

// checkSecrets reports Secrets of one name in one namespace. Every cluster has
// vc-NAME (its kubeconfig) and cluster-NAME (in Argo CD's namespace), and from
// chart version 0.20 on vc-config-NAME: a cluster "config-a" and a cluster "a"
// can meet in a shared namespace.
func checkSecrets(f *Fleet, all []*check) {
	type secret struct {
		place
		name string
	}
	argocd := place{namespace: f.Spec.ArgoCD.Namespace}
	if own, found := f.Spec.OwnHost(); found {
		argocd.host = own
	} else {
		argocd.host = "/" // of no host
	}
	first := make(map[secret]*check, 3*len(all))
	for _, k := range all {
		at, name := k.cluster.place(), k.cluster.Name
		for _, made := range []secret{{at, "vc-" + name}, {at, "vc-config-" + name}, {argocd, "cluster-" + name}} {
			other, taken := first[made]
			if !taken {
				first[made] = k
				continue
			}
			k.report("metadata.name", fail(RuleDuplicateSecret, fmt.Sprintf("makes the Secret %s/%s, which %s (%s) makes too", made.namespace, made.name, other.cluster.Name, other.place("metadata.name")),
				"Rename one of the two clusters, or give it a namespace of its own."))
		}
	}
}
