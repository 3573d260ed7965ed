package transition

import (
	"fmt"

	"github.com/Masterminds/semver/v3"

	"kasou/pipelines/manifest"
)

// chartChanges holds the chart's versions against the path that vcluster supports:
// one minor at a time, never back (vcluster.com/docs, "Upgrade vCluster"), and its
// distros against what the program lets through (pkg/setup/config of the tags).
func chartChanges(before, after Side) []Change {
	var all []Change
	if c, moved := versionChange(before.Chart, after.Chart); moved {
		all = append(all, c)
	}
	from, to := Distro(before), Distro(after)
	if from == to || from == "" || to == "" {
		return all
	}
	c := Change{
		Effect: RefusedByVCluster, Name: "distro", From: from, To: to, About: ByAny,
		Message: fmt.Sprintf("the distro changes from %s to %s: vcluster refuses to start, or starts empty", from, to),
		Hint:    "Keep the distro, or move to k8s from k3s with a version from 0.25 on and before 0.33.",
	}
	if DistroChangeStarts(from, to, after.Chart.Version) {
		c.Message = fmt.Sprintf("the distro changes from %s to %s: vcluster migrates the data at its start, and there is no way back", from, to)
		c.Hint = "Take a backup first."
	}
	return append(all, c)
}

// repositoryChanges: whoever can write to a repository says what the chart renders. A digest
// pins what was taken from the one before, and nothing of the new one.
func repositoryChanges(before, after Side) []Change {
	from, to := before.Chart, after.Chart
	if from.Repository == to.Repository || from.Repository == "" || to.Repository == "" {
		return nil
	}
	c := Change{Effect: SourceMoves, From: from.Repository, To: to.Repository, About: ByChart,
		Message: fmt.Sprintf("the chart is read from %s in place of %s", to.Repository, from.Repository),
		Hint:    "Look at who can write there."}
	switch {
	case from.Digest == to.Digest:
		c.Message += ": the archive is the same"
	case from.Name == to.Name && from.Version == to.Version:
		c.Message += ": there it is another archive under the same version"
	}
	return []Change{c}
}

// DistroChangeStarts reports whether the vcluster of a version starts after its
// distro has changed, and migrates the data: eks becomes k8s, and from 0.25 on k3s
// does (config.ValidateDistroChanges), until 0.33 takes k3s away.
func DistroChangeStarts(from, to, version string) bool {
	v, err := semver.NewVersion(version)
	switch {
	case from == to:
		return true
	case err != nil || to != "k8s":
		return false
	case from == "k3s":
		return !release(v).LessThan(semver.MustParse("0.25.0")) && release(v).LessThan(semver.MustParse("0.33.0"))
	}
	return from == "eks"
}

func release(v *semver.Version) *semver.Version {
	return semver.New(v.Major(), v.Minor(), v.Patch(), "", "")
}

// versionChange returns the refusal of a step between versions that is not one
// minor up, and false where there is none. Charts that are not vcluster's have rules
// of their own.
func versionChange(before, after Chart) (Change, bool) {
	from, errFrom := semver.NewVersion(before.Version)
	to, errTo := semver.NewVersion(after.Version)
	if errFrom != nil || errTo != nil || !known[before.Name] || !known[after.Name] || from.Equal(to) && before.Name == after.Name {
		return Change{}, false
	}
	c := Change{
		Effect: RefusedByVCluster, Name: "chart", From: before.String(), To: after.String(), About: ByChart,
	}
	switch {
	case before.Name != after.Name && (after.Name != "vcluster" || release(to).LessThan(semver.MustParse("0.20.0"))):
		c.Message = fmt.Sprintf("%s becomes %s: the data of the one is not readable for the other", before, after)
		c.Hint = "Make a new cluster, and move what is in it."
	case release(to).LessThan(release(from)):
		c.Message = fmt.Sprintf("the chart goes back from %s to %s: vcluster does not support a downgrade", from, to)
		c.Hint = "Stay on " + from.String() + ", or restore a backup into a new cluster. Where the sync of " + from.String() + " failed before it ran, nothing goes back."
	case from.Major() == to.Major() && to.Minor() > from.Minor()+1:
		c.Message = fmt.Sprintf("the chart jumps from %s to %s: vcluster supports one minor version at a time", from, to)
		c.Hint = fmt.Sprintf("Go to the newest 0.%d first: run kasou upgrade.", from.Minor()+1)
	default:
		return Change{}, false
	}
	return c, true
}

// String returns NAME VERSION.
func (c Chart) String() string { return c.Name + " " + c.Version }

// ChartOf returns the chart by the label that every vcluster chart gives its
// workloads, NAME-VERSION; nothing where none has it.
func ChartOf(objects []Object) Chart {
	for _, o := range objects {
		if !o.isWorkload() {
			continue
		}
		label := manifest.Text(o, "metadata", "labels", "chart")
		for i := range label {
			if _, err := semver.StrictNewVersion(label[i:]); err == nil && i > 1 && label[i-1] == '-' {
				return Chart{Name: label[:i-1], Version: label[i:]}
			}
		}
	}
	return Chart{}
}

// known are the charts that vcluster's rules are of.
var known = map[string]bool{"vcluster": true, "vcluster-k8s": true, "vcluster-k0s": true, "vcluster-eks": true}
