package transition

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"kasou/pipelines/manifest"
)

// distros are the images by which a chart's pods tell the distro.
var distros = map[string]string{
	"rancher/k3s":         "k3s",
	"k0sproject/k0s":      "k0s",
	"kube-apiserver":      "k8s",
	"loft-sh/kubernetes":  "k8s",
	"eks-distro/kube":     "eks",
	"kubernetes/kube-api": "eks",
}

// Distro returns which Kubernetes runs in the cluster: k3s, k0s, k8s or eks; empty
// where its pods do not tell.
func Distro(s Side) string {
	distro := ""
	for image := range s.images() {
		for part, name := range distros {
			if strings.Contains(image, part) && (distro == "" || name == "eks") {
				distro = name
			}
		}
	}
	if s.Chart.Name == "vcluster-eks" {
		return "eks"
	}
	return distro
}

// kubernetesImage is an image that carries Kubernetes: the version is its tag.
var kubernetesImage = regexp.MustCompile(`(?:rancher/k3s|k0sproject/k0s|kube-apiserver|loft-sh/kubernetes):v?([0-9]+\.[0-9]+\.[0-9]+)`)

// KubernetesVersion returns that of the virtual API server, by the images of the
// pods; empty where they do not tell.
func KubernetesVersion(s Side) string {
	for _, image := range slices.Sorted(maps.Keys(s.images())) {
		if found := kubernetesImage.FindStringSubmatch(image); found != nil {
			return found[1]
		}
	}
	return ""
}

// kubernetesChanges: Kubernetes itself moves one minor at a time and never back
// (kubernetes.io/releases/version-skew-policy).
func kubernetesChanges(before, after Side) []Change {
	from, to := KubernetesVersion(before), KubernetesVersion(after)
	old, errOld := semver.NewVersion(from)
	now, errNow := semver.NewVersion(to)
	if errOld != nil || errNow != nil || old.Minor() == now.Minor() && old.Major() == now.Major() {
		return nil
	}
	c := Change{Effect: Kubernetes, From: from, To: to, About: ByAny,
		Message: fmt.Sprintf("the virtual Kubernetes moves from %s to %s", from, to)}
	switch {
	case now.LessThan(old):
		c.Effect, c.Name = RefusedByVCluster, "kubernetes"
		c.Message = fmt.Sprintf("the virtual Kubernetes goes back from %s to %s: an API server does not read what a newer one has stored", from, to)
		c.Hint = "Keep the version, by the chart's values where the host's went back."
	case now.Minor() > old.Minor()+1:
		c.Effect, c.Name = RefusedByVCluster, "kubernetes"
		c.Message = fmt.Sprintf("the virtual Kubernetes jumps from %s to %s: Kubernetes supports one minor version at a time", from, to)
		c.Hint = fmt.Sprintf("Go to 1.%d first, by the chart's values.", old.Minor()+1)
	}
	return []Change{c}
}

// images are those of all containers.
func (s Side) images() map[string]bool {
	images := map[string]bool{}
	for _, o := range s.Objects {
		if o.kind() != "StatefulSet" && o.kind() != "Deployment" {
			continue
		}
		for _, list := range []string{"containers", "initContainers"} {
			containers, _ := manifest.At(o, "spec", "template", "spec", list).([]any)
			for _, c := range containers {
				container, _ := c.(map[string]any)
				if image, ok := container["image"].(string); ok {
					images[image] = true
				}
			}
		}
	}
	return images
}

// Store returns where the cluster keeps its data, by the values: embedded-database,
// external-database, embedded-etcd, deployed-etcd or external-etcd
// (config.BackingStoreType); empty where the values are not known. Up to 0.19 the
// distro decides, and an object tells of an etcd.
func Store(s Side) string {
	if s.Values == nil {
		return ""
	}
	if !has(s.Values, "controlPlane") {
		return oldStore(s)
	}
	at := func(path ...string) bool {
		on, _ := manifest.At(s.Values, append([]string{"controlPlane", "backingStore"}, path...)...).(bool)
		return on
	}
	switch {
	case at("etcd", "embedded", "enabled"):
		return "embedded-etcd"
	case at("etcd", "external", "enabled"):
		return "external-etcd"
	case at("etcd", "deploy", "enabled"):
		return "deployed-etcd"
	case at("database", "external", "enabled"):
		return "external-database"
	}
	return "embedded-database"
}

func oldStore(s Side) string {
	if on, _ := manifest.At(s.Values, "embeddedEtcd", "enabled").(bool); on {
		return "embedded-etcd"
	}
	for _, o := range s.Objects {
		if o.kind() == "StatefulSet" && strings.HasSuffix(o.name(), "-etcd") {
			return "deployed-etcd"
		}
	}
	return "embedded-database"
}

// storeChanges: vcluster refuses most changes of the store
// (config.ValidateStoreChanges of 0.24.1 and 0.36.1), and moves the data in few of
// those that it lets through.
func storeChanges(before, after Side) []Change {
	from, to := Store(before), Store(after)
	if from == to || from == "" || to == "" {
		return nil
	}
	c := Change{
		Effect: RefusedByVCluster, Name: "store", From: from, To: to, About: ByAny,
		Message: fmt.Sprintf("the backing store changes from %s to %s: vcluster refuses to start", from, to),
		Hint:    "Keep the store, or make a new cluster and move what is in it.",
	}
	if StoreChangeStarts(from, to, after.Chart.Version) {
		c.Effect = Lost
		c.Message = fmt.Sprintf("the backing store changes from %s to %s: vcluster starts, and whether the data is moved depends on its own settings", from, to)
		c.Hint = "Take a backup, and read vcluster's page on migrating the backing store."
	}
	return []Change{c}
}

// StoreChangeStarts reports whether the vcluster of a version starts after its store
// has changed (config.ValidateStoreChanges; before 0.26 and 0.25 in an older form).
func StoreChangeStarts(from, to, version string) bool {
	v, err := semver.NewVersion(version)
	if err != nil {
		return false
	}
	since := func(minimum string) bool { return !release(v).LessThan(semver.MustParse(minimum)) }
	movable := from == "external-etcd" || from == "deployed-etcd" || from == "embedded-database"
	switch to {
	case from:
		return true
	case "embedded-etcd":
		return movable
	case "deployed-etcd":
		return movable && since("0.25.0")
	case "external-database":
		return from == "embedded-database" && since("0.26.0")
	}
	return false
}

func has(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

// Merge returns base with over over it, map by map; a null takes a value away, as in
// Helm.
func Merge(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for key, value := range over {
		under, isMap := out[key].(map[string]any)
		above, both := value.(map[string]any)
		switch {
		case value == nil:
			delete(out, key)
		case isMap && both:
			out[key] = Merge(under, above)
		default:
			out[key] = value
		}
	}
	return out
}

// ServiceCIDR returns the service range in a cluster's own values, wherever its
// chart has it; empty where it has none.
func ServiceCIDR(values map[string]any) string {
	for _, at := range [][]string{{"serviceCIDR"}, {"networking", "serviceCIDR"}} {
		if text, ok := manifest.At(values, at...).(string); ok && text != "" {
			return text
		}
	}
	arguments, _ := manifest.At(values, "vcluster", "extraArgs").([]any)
	for _, a := range arguments {
		if text, ok := a.(string); ok && strings.HasPrefix(text, "--service-cidr=") {
			return strings.TrimPrefix(text, "--service-cidr=")
		}
	}
	return ""
}

// vclusterImage is an image of vcluster itself: the version is its tag.
var vclusterImage = regexp.MustCompile(`(?:^|/)vcluster(?:-oss|-pro)?:v?([0-9]+\.[0-9]+\.[0-9]+)$`)

// vclusterVersion returns that of the image; empty where the pods do not tell.
func (s Side) vclusterVersion() string {
	for _, image := range slices.Sorted(maps.Keys(s.images())) {
		if found := vclusterImage.FindStringSubmatch(image); found != nil {
			return found[1]
		}
	}
	return ""
}

// imageChanges: values can have another vcluster run than the chart's, and the rules of
// the chart's versions hold for it, too. Where the chart moves, chartChanges has them.
func imageChanges(before, after Side) []Change {
	from, to := before.vclusterVersion(), after.vclusterVersion()
	if from == to || from == "" || to == "" || before.Chart != after.Chart {
		return nil
	}
	c, moved := versionChange(Chart{"vcluster", from}, Chart{"vcluster", to})
	if !moved {
		return nil
	}
	c.Name, c.From, c.To, c.About = "image", from, to, ByValues
	c.Message = strings.Replace(c.Message, "the chart", "the vcluster image", 1)
	c.Hint = "Leave the image's tag to the chart."
	return []Change{c}
}
