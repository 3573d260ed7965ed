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
	return s.imageVersion(kubernetesImage)
}

// imageVersion returns what the expression finds in the images; empty where that is
// nothing.
func (s Side) imageVersion(of *regexp.Regexp) string {
	for _, image := range slices.Sorted(maps.Keys(s.images())) {
		if found := of.FindStringSubmatch(image); found != nil {
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
		if !o.isWorkload() {
			continue
		}
		for _, list := range []string{"containers", "initContainers"} {
			for _, container := range manifest.Maps(o, "spec", "template", "spec", list) {
				if image, ok := container["image"].(string); ok {
					images[image] = true
				}
			}
		}
	}
	return images
}

// ServiceCIDR returns the service range in a cluster's own values, wherever its
// chart has it; empty where it has none.
func ServiceCIDR(values map[string]any) string {
	for _, at := range [][]string{{"serviceCIDR"}, {"networking", "serviceCIDR"}} {
		if text, ok := manifest.At(values, at...).(string); ok && text != "" {
			return text
		}
	}
	return argument(values, "--service-cidr", "vcluster", "extraArgs")
}

// vclusterImage is an image of vcluster itself: its tag begins with the version.
var vclusterImage = regexp.MustCompile(`(?:^|/)vcluster(?:-oss|-pro)?:v?([0-9]+\.[0-9]+\.[0-9]+)(?:$|[-@])`)

// imageChanges: values can have another vcluster run than the chart's, and the rules of
// the chart's versions hold for it, too. Where it moves with the chart, chartChanges has
// them.
func imageChanges(before, after Side) []Change {
	from, to := before.imageVersion(vclusterImage), after.imageVersion(vclusterImage)
	byChart := before.Chart.String() != after.Chart.String() && from == before.Chart.Version && to == after.Chart.Version
	if from == to || from == "" || to == "" || byChart {
		return nil
	}
	c, moved := versionChange(Chart{Name: "vcluster", Version: from}, Chart{Name: "vcluster", Version: to})
	if !moved {
		return nil
	}
	c.Name, c.From, c.To, c.About = "image", from, to, ByValues
	c.Message = strings.Replace(c.Message, "the chart", "the vcluster image", 1)
	c.Hint = "Leave the image's tag to the chart."
	return []Change{c}
}
