// Package layout knows every path of the tree that kasou reads and writes.
package layout

import (
	"path"
	"strings"
)

// The files and folders in the clusters folder.
const (
	Fleet     = "fleet.yaml"
	FleetLock = "fleet.lock.yaml"
	// Root has what Argo CD's app of apps deploys: each cluster's Application, and
	// its sealed cluster Secret.
	Root = "root"
	// Bootstrap has what Argo CD is begun with: the app of apps and the AppProjects.
	Bootstrap = "bootstrap"
	// AppOfApps is the file in Bootstrap of the Application that deploys Root.
	AppOfApps = "root.yaml"
)

// The files and folders in a cluster's folder.
const (
	Spec   = "spec.yaml"
	Lock   = "lock.yaml"
	Values = "values.yaml"
	// Manifests has what the cluster's Application deploys; Extra in it and beside it
	// has a person's own.
	Manifests = "manifests"
	Extra     = "extra"
	// Namespace is the file in Manifests.
	Namespace = "namespace.yaml"
)

// applicationEnd and registrationEnd end the names of a cluster's files in Root.
const (
	applicationEnd  = ".yaml"
	registrationEnd = ".cluster.yaml"
)

// Cluster is where one cluster's files stand.
type Cluster struct{ dir, name string }

// Of returns the places of a cluster. dir is the clusters folder, from the repo's
// root; empty for places from the clusters folder.
func Of(dir, cluster string) Cluster { return Cluster{dir, cluster} }

// Folder returns the cluster's own folder.
func (c Cluster) Folder() string { return path.Join(c.dir, c.name) }

// Spec returns the file that a person writes.
func (c Cluster) Spec() string { return path.Join(c.Folder(), Spec) }

// Lock returns the cluster's lock.yaml.
func (c Cluster) Lock() string { return path.Join(c.Folder(), Lock) }

// Values returns the file with the effective values.
func (c Cluster) Values() string { return path.Join(c.Folder(), Values) }

// Extra returns the folder with a person's own manifests.
func (c Cluster) Extra() string { return path.Join(c.Folder(), Extra) }

// Manifest returns a file, or a folder, in the cluster's manifests.
func (c Cluster) Manifest(name ...string) string {
	return path.Join(append([]string{c.Folder(), Manifests}, name...)...)
}

// Application returns the file with Argo CD's Application.
func (c Cluster) Application() string { return path.Join(c.dir, Root, c.name+applicationEnd) }

// Registration returns the file with the sealed cluster Secret.
func (c Cluster) Registration() string { return path.Join(c.dir, Root, c.name+registrationEnd) }

// ClusterOf returns the cluster that a file in Root is of, by its name.
func ClusterOf(name string) (cluster string, ok bool) {
	if cluster, ok = strings.CutSuffix(name, registrationEnd); ok {
		return cluster, true
	}
	return strings.CutSuffix(name, applicationEnd)
}

// Owner returns the cluster that a file is of, by its path from the clusters folder; ""
// for one in that folder itself.
func Owner(p string) string {
	first, name, below := strings.Cut(p, "/")
	switch {
	case !below:
		return ""
	case first != Root:
		return first
	}
	cluster, _ := ClusterOf(name)
	return cluster
}

// InRoot reports whether a file in Root has a name of the cluster's.
func InRoot(name, cluster string) bool {
	rest, ok := strings.CutPrefix(name, cluster)
	return ok && (rest == applicationEnd || rest == registrationEnd)
}
