package vcluster

import (
	"slices"

	"github.com/Masterminds/semver/v3"
)

// edition is how a chart takes each field, from one version until the next
// edition's.
type edition struct {
	from                               string
	serviceCIDR, ingress, sans, server setter
}

// line is one chart through time.
type line struct {
	// newest is the last version that was read; what comes later is taken for
	// the same, with a note.
	newest   string
	editions []edition
}

// lines is what kasou knows of the vcluster charts. Read in the charts of the
// tagged releases of loft-sh/vcluster: templates and values.yaml, from chart/
// up to 0.4 and from 0.20 on, from charts/{k3s,k8s,k0s,eks}/ in between.
// Pre-releases belong to their release: 0.20.0-alpha.0 has the chart of 0.20.
var lines = map[string]line{
	"vcluster": {newest: "0.36", editions: []edition{
		{"0.4.0", k3sArgument, noIngress, syncerSANs, syncerServer}, // no ingress.yaml before 0.4.2
		{"0.4.2", k3sArgument, classedIngress, syncerServerSAN, syncerServer},
		{"0.5.0", rootCIDR, classedIngress, syncerServerSAN, syncerServer},
		{"0.11.0", rootCIDR, plainIngress, syncerServerSAN, syncerServer},
		{"0.17.0", configMapCIDR, plainIngress, syncerServerSAN, syncerServer},
		{"0.19.0", detectedCIDR, plainIngress, syncerServerSAN, syncerServer},
		{"0.20.0", rootCIDR, controlPlaneIngress, proxySANs, exportServer},
		{"0.20.1", rootCIDR, controlPlaneIngress, proxyServerSAN, exportServer},
		{"0.26.0", rootOrPrivateCIDR, controlPlaneIngress, proxyServerSAN, exportServer},
	}},
	"vcluster-k8s": {newest: "0.19", editions: []edition{
		{"0.5.0", rootCIDR, classedIngress, syncerServerSAN, syncerServer},
		{"0.11.0", rootCIDR, plainIngress, syncerServerSAN, syncerServer},
		{"0.17.0", rootAndConfigMapCIDR, plainIngress, syncerServerSAN, syncerServer},
		{"0.19.0", detectedCIDR, plainIngress, syncerServerSAN, syncerServer},
	}},
	"vcluster-eks": {newest: "0.19", editions: []edition{
		{"0.6.0", rootCIDR, classedIngress, syncerServerSAN, syncerServer},
		{"0.11.0", rootCIDR, plainIngress, syncerServerSAN, syncerServer},
		{"0.17.0", rootAndConfigMapCIDR, plainIngress, syncerServerSAN, syncerServer},
		{"0.19.0", detectedCIDR, plainIngress, syncerServerSAN, syncerServer},
	}},
	"vcluster-k0s": {newest: "0.19", editions: []edition{
		{"0.5.0", rootSingleCIDR, classedIngress, syncerServerSAN, syncerServer},
		{"0.11.0", rootSingleCIDR, plainIngress, syncerServerSAN, syncerServer},
	}},
}

// ClusterScoped returns the kinds without a namespace, GROUP/KIND, that the
// vcluster chart of that name may render (templates/clusterrole*.yaml of every
// release from 0.4 to 0.36); none for a chart that kasou does not know.
func ClusterScoped(chart string) []string {
	if _, known := lines[chart]; !known {
		return nil
	}
	return []string{"rbac.authorization.k8s.io/ClusterRole", "rbac.authorization.k8s.io/ClusterRoleBinding"}
}

// span is a range of versions: from the first, up to but not with the second.
// An empty end is open.
type span struct{ from, before string }

// removal is a value that charts no longer take.
type removal struct {
	since string
	keys  []string
	hint  string
}

// removals are the values that were taken away since 0.20. Before 0.36 the
// schema rejects them (values.schema.json of 0.26.0 and 0.33.0); 0.36 keeps the
// keys in its schema and fails in a template (templates/_validate.tpl).
var removals = []removal{
	{"0.26.0", []string{"controlPlane", "distro", "k0s"}, "Use the k8s distro: leave controlPlane.distro out."},
	{"0.33.0", []string{"controlPlane", "distro", "k3s"}, "Use the k8s distro: leave controlPlane.distro out. An existing k3s cluster has to be migrated first."},
	{"0.36.0", []string{"sync", "toHost", "volumeSnapshots"}, "Remove it."},
	{"0.36.0", []string{"sync", "toHost", "volumeSnapshotContents"}, "Remove it."},
	{"0.36.0", []string{"sync", "fromHost", "volumeSnapshotClasses"}, "Remove it."},
	{"0.36.0", []string{"deploy", "volumeSnapshotController"}, "Remove it."},
	{"0.36.0", []string{"rbac", "enableVolumeSnapshotRules"}, "Remove it."},
}

// defeat is a value that, where it is set, takes the ground from a field.
type defeat struct {
	charts []string
	span   span
	keys   []string
	field  []string
	effect string
}

var allLegacy = []string{"vcluster", "vcluster-k8s", "vcluster-k0s", "vcluster-eks"}

// defeats: templates/statefulset.yaml up to 0.18 (noArgs), templates/secret.yaml
// of vcluster-k0s (config), templates/ingress.yaml from 0.20 (spec.rules).
var defeats = []defeat{
	{allLegacy, span{"0.4.2", "0.19.0"}, []string{"syncer", "noArgs"}, []string{"spec", "ingress", "host"},
		"the syncer gets none of the chart's arguments, so its certificate lacks the ingress host"},
	{[]string{"vcluster-k0s"}, span{"0.5.0", ""}, []string{"config"}, []string{"spec", "serviceCIDR"},
		"it replaces the whole k0s configuration, service CIDR and all"},
	{[]string{"vcluster"}, span{"0.20.0", ""}, []string{"controlPlane", "ingress", "spec", "rules"}, []string{"spec", "ingress", "host"},
		"it replaces the rule that the chart makes for the host"},
}

// release returns the version without pre-release and build metadata.
func release(v *semver.Version) *semver.Version {
	return semver.New(v.Major(), v.Minor(), v.Patch(), "", "")
}

func (s span) holds(v *semver.Version) bool {
	return !release(v).LessThan(semver.MustParse(s.from)) &&
		(s.before == "" || release(v).LessThan(semver.MustParse(s.before)))
}

// edition returns the edition that v belongs to, and whether v is newer than all
// that is known; nil where v is older.
func (l line) edition(v *semver.Version) (found *edition, newer bool) {
	for i := range slices.Backward(l.editions) {
		if (span{from: l.editions[i].from}).holds(v) {
			found = &l.editions[i]
			break
		}
	}
	newest := semver.MustParse(l.newest)
	return found, semver.New(v.Major(), v.Minor(), 0, "", "").GreaterThan(newest)
}
