// Package transition says what the step from one state of a cluster to another
// does: to the virtual cluster that runs, to the objects on the host, and to the
// credential that Argo CD has. States it compares; it deploys nothing and asks
// nobody.
package transition

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"kasou/pipelines/manifest"
)

// Side is a cluster as it was committed, or as it is wanted.
type Side struct {
	// Name of the cluster, which is its Helm release.
	Name string
	// Chart that it is made of.
	Chart Chart
	// Host is the cluster that it runs on, as Argo CD knows it; empty where that is not
	// known.
	Host string
	// SameHost: the host before is this one, which Argo CD knew otherwise.
	SameHost bool
	// Namespace on the host, and Server at which Argo CD reaches the cluster.
	Namespace, Server string
	// ServiceCIDR of the virtual cluster, empty where it finds it by itself.
	ServiceCIDR string
	// Application that deploys it.
	Application Application
	// Values are the chart's defaults with the cluster's values over them; nil where
	// the chart is not at hand.
	Values map[string]any
	// Objects are those that Argo CD deploys, in any order.
	Objects []Object
	// Registered: Argo CD has a credential of it.
	Registered bool
}

// Chart is a chart's name and version.
type Chart struct {
	Name, Version string
	// Repository that the chart is from, and Digest of its archive; empty where the chart
	// stands in the fleet's own repository, or nothing says where it is from.
	Repository, Digest string
}

// Object is one Kubernetes object.
type Object map[string]any

// Effect is what a change does, the worst first.
type Effect int

// The effects.
const (
	// Lost: data goes with it.
	Lost Effect = iota
	// Empty: the cluster is another one from then on, without the data.
	Empty
	// RefusedByVCluster: the vcluster does not start, or its makers do not support
	// the step.
	RefusedByVCluster
	// RefusedByAPIServer: the host's API server answers 422, and the sync fails.
	RefusedByAPIServer
	// Unreachable: the cluster is no longer reached where it was.
	Unreachable
	// SourceMoves: Argo CD reads the manifests, or kasou the chart, from somewhere else.
	SourceMoves
	// Unguarded: what kept the data, or the host, goes.
	Unguarded
	// Kubernetes: the virtual API server moves to another version.
	Kubernetes
	// Workloads: what runs in the virtual cluster is held down, or loses its names.
	Workloads
	// StillRuns: what is no longer rendered works on, beside what is.
	StillRuns
	// Left: objects are no longer rendered, stay on the host, and wait for a person.
	Left
	// Ignored: what is asked for does not reach the host.
	Ignored
	// StaleCredential: Argo CD's credential of the cluster stops working.
	StaleCredential
	// Restart: the pods of the control plane are replaced.
	Restart
	// Applied: objects change in place.
	Applied
)

// String returns the effect's word, as reports print it.
func (e Effect) String() string {
	return [...]string{
		"data-lost", "empty-cluster", "refused-by-vcluster", "refused-by-api-server", "unreachable", "source-moves", "guard-lifted",
		"kubernetes-moves", "workloads-affected", "left-running", "objects-left", "ignored", "credential-stale", "restart", "applied",
	}[e]
}

// Change is one thing that the step does.
type Change struct {
	Effect Effect
	// Name is what changes, by which spec.accept names it: such as chart, distro, store or
	// namespace, or the object and field. It is empty where nothing has to be accepted.
	Name string
	// From and To are the values before and after.
	From, To string
	// Message says what happens, and Hint what to do instead.
	Message, Hint string
	// About is what of a spec may have caused it.
	About Cause
}

// Cause is a part of what a cluster is made of.
type Cause int

// The causes.
const (
	ByAny Cause = iota
	ByChart
	ByNamespace
	ByServer
	ByServiceCIDR
	ByValues
	ByHost
	ByEndpoint
	ByPodSecurity
	ByArgoCD
	ByArgoCDNamespace
	ByArgoCDName
	ByRepository
	ByRetire
)

// Refused reports whether the change is an error until the spec accepts it.
func (c Change) Refused() bool { return c.Name != "" }

// Compare returns what the step from before to after does, the worst first; none
// where nothing that is deployed changes.
func Compare(before, after Side) []Change {
	if all := elsewhere(before, after); len(all) > 0 {
		return append(all, applicationChanges(after.Name, before.Application, after.Application)...)
	}
	var all []Change
	for _, changes := range parts {
		all = append(all, changes(before, after)...)
	}
	all = append(all, applicationChanges(after.Name, before.Application, after.Application)...)
	if before.Host != after.Host && before.Host != "" && after.SameHost {
		all = append(all, Change{Effect: Applied, From: before.Host, To: after.Host, About: ByHost,
			Message: fmt.Sprintf("Argo CD deploys it to %s in place of %s, which is the same cluster", after.Host, before.Host)})
	}
	slices.SortStableFunc(all, func(a, b Change) int { return cmp.Compare(a.Effect, b.Effect) })
	return all
}

// parts are what Compare looks at, in the order of the changes that do equally much.
var parts = []func(before, after Side) []Change{
	chartChanges, repositoryChanges, imageChanges, storeChanges, kubernetesChanges, rangeChanges, birthChanges, replicaChanges, volumeChanges,
	// What runs in the virtual cluster notices, although the cluster itself goes on.
	syncChanges, domainChanges, limitChanges, accountChanges, rightChanges,
	objectChanges, endpointChanges, serviceChanges, credentialChanges,
}

// elsewhere returns what makes the cluster another one: nothing of it moves along.
func elsewhere(before, after Side) []Change {
	const hint = "Make a new cluster beside it, move what is in it, and retire the old one."
	var all []Change
	if before.Host != after.Host && before.Host != "" && after.Host != "" && !after.SameHost {
		all = append(all, Change{
			Effect: Empty, Name: "host", From: before.Host, To: after.Host, About: ByHost,
			Message: "on another host it is another, empty cluster; the one on " + before.Host + " stays there, and nobody watches it",
			Hint:    hint + " If both are one cluster, write " + before.Host + " into sameAs of the host in fleet.yaml.",
		})
	}
	if before.Namespace != after.Namespace {
		all = append(all, Change{
			Effect: Empty, Name: "namespace", From: before.Namespace, To: after.Namespace, About: ByNamespace,
			Message: "another namespace is another, empty cluster; the one in " + before.Namespace + " stays on the host, and nobody watches it",
			Hint:    hint,
		})
	}
	if len(all) > 0 && before.Registered {
		all = append(all, Change{Effect: StaleCredential, From: before.Server, To: after.Server, About: ByServer,
			Message: "Argo CD's credential is of the cluster before: its Applications that deploy into it fail, or go there, until the new one is registered",
			Hint:    "Run kasou register once the new vcluster runs."})
	}
	return all
}

// rangeChanges: Services keep their addresses, and the API server knows the new
// range alone (the range of a Kubernetes cluster is set at its start).
func rangeChanges(before, after Side) []Change {
	if before.ServiceCIDR == after.ServiceCIDR || before.ServiceCIDR == "" || after.ServiceCIDR == "" {
		return nil
	}
	return []Change{{
		Effect: RefusedByVCluster, Name: "service-cidr", From: before.ServiceCIDR, To: after.ServiceCIDR, About: ByServiceCIDR,
		Message: "the service range of a cluster that runs does not change: its Services keep addresses outside of the new one, and no new Service works",
		Hint:    "Leave the range as it is, or make a new cluster.",
	}}
}

// credentialChanges: the server is part of what Argo CD knows the cluster by, and
// the serving certificate has the names of its start.
func credentialChanges(before, after Side) []Change {
	switch {
	case !before.Registered:
		return nil
	case before.Server != after.Server:
		return []Change{serverChange(before, after)}
	case before.Values == nil || after.Values == nil || exported(before) == exported(after):
		return nil
	}
	return []Change{{
		Effect: StaleCredential, About: ByValues,
		Message: "the kubeconfig that vcluster exports becomes another one (exportKubeConfig): Argo CD's credential is of the one before, and works until that ends",
		Hint:    "Run kasou register once the vcluster has restarted.",
	}}
}

// exported returns what decides which credential a vcluster exports, but for the server.
func exported(s Side) string {
	parts, _ := manifest.At(s.Values, "exportKubeConfig").(map[string]any)
	parts = maps.Clone(parts)
	maps.DeleteFunc(parts, func(key string, value any) bool {
		// kasou register reads the default Secret alone.
		return key == "server" || key == "secret" || key == "additionalSecrets" || !set(value)
	})
	return fmt.Sprint(parts)
}

// set reports whether a value says more than a chart's default of nothing: "", false, or a
// map of such.
func set(value any) bool {
	switch v := value.(type) {
	case string:
		return v != ""
	case bool:
		return v
	case map[string]any:
		for _, inner := range v {
			if set(inner) {
				return true
			}
		}
		return false
	}
	return !empty(value)
}

func serverChange(before, after Side) Change {
	c := Change{
		Effect: StaleCredential, From: before.Server, To: after.Server, About: ByServer,
		Message: "Argo CD's credential is of " + before.Server + ": its Applications that deploy into the cluster fail until it is registered anew",
		Hint:    "Run kasou register once the vcluster has restarted with the new name.",
	}
	if stillServed(before.Server, after) {
		c.Message = "Argo CD's credential is of " + before.Server + ", which is served as before: it works until that goes"
	}
	return c
}
