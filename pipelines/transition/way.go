package transition

import (
	"fmt"
	"slices"

	"github.com/Masterminds/semver/v3"
)

// Way is how a cluster gets from its chart's version to a newer one.
type Way struct {
	// Hops are the versions on the way, the next first; none where there is no step
	// to make.
	Hops []string
	// Next are all versions that the next step may lead to, the newest first.
	Next []string
	// Stopped says why the way ends before the newest version, and Hint what to do;
	// empty where it does not.
	Stopped, Hint string
}

// gone are the distros that a version of the chart no longer has: nothing that runs
// one of them gets past that version (vcluster's release notes of 0.26 and 0.33).
var gone = []struct {
	distro        string
	from          *semver.Version
	message, hint string
}{
	{"k0s", semver.MustParse("0.26.0"), "k0s is gone from 0.26 on, and becomes no other distro",
		"Make a new cluster with k8s, and move what is in it."},
	{"k3s", semver.MustParse("0.33.0"), "k3s is gone from 0.33 on",
		"Move to k8s first, with a version from 0.25 on and before 0.33: take controlPlane.distro out of the values, and write {change: distro, from: k3s, to: k8s} into spec.accept."},
}

// oneChart is the version from which on all vcluster charts are one.
var oneChart = semver.MustParse("0.20.0")

// FindWay returns the way of a cluster from its chart to the version to, or to the
// newest of available where to is empty: one minor at a time, through the newest
// patch of each, and never past what stops its distro. (That etcd has to be on
// 0.24.2 before 0.29 follows from that.) distro is asked where that matters.
// Pre-releases are left out. A chart that is not vcluster's goes straight to the
// version. The error is a version that is not one.
func FindWay(chart Chart, available []string, to string, distro func() string) (Way, error) {
	from, err := semver.NewVersion(chart.Version)
	if err != nil {
		return Way{}, fmt.Errorf("version %q: %w", chart.Version, err)
	}
	var limit *semver.Version
	if to != "" {
		if limit, err = semver.NewVersion(to); err != nil {
			return Way{}, fmt.Errorf("version %q: %w", to, err)
		}
	}
	all := newerThan(from, available, limit)
	if len(all) == 0 {
		why, hint := ended(chart, from, limit)
		return Way{Stopped: why, Hint: hint}, nil
	}
	if !known[chart.Name] {
		return Way{Hops: []string{all[0].Original()}, Next: originals(all)}, nil
	}
	w := walk(chart, from, all, distro)
	if w.Stopped == "" && limit == nil {
		w.Stopped, w.Hint = ended(chart, from, limit)
	}
	return w, nil
}

// newerThan returns the releases above from and up to limit, the newest first.
func newerThan(from *semver.Version, available []string, limit *semver.Version) []*semver.Version {
	var all []*semver.Version
	for _, text := range available {
		v, err := semver.NewVersion(text)
		if err == nil && v.Prerelease() == "" && v.GreaterThan(from) && (limit == nil || !v.GreaterThan(limit)) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *semver.Version) int { return b.Compare(a) })
	return all
}

func originals(all []*semver.Version) []string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = v.Original()
	}
	return texts
}

func walk(chart Chart, from *semver.Version, all []*semver.Version, distro func() string) Way {
	var w Way
	for at := from; at.LessThan(all[0]); {
		next := oneStep(at, all)
		if len(next) == 0 {
			w.Stopped = fmt.Sprintf("%s %s is there, and no %d.%d on the way to it", chart.Name, all[0].Original(), at.Major(), at.Minor()+1)
			w.Hint = "Name a repository that has it, or make a new cluster."
			return w
		}
		for _, g := range gone {
			if len(next) > 0 && !release(next[0]).LessThan(g.from) && distro() == g.distro {
				next = slices.DeleteFunc(next, func(v *semver.Version) bool { return !release(v).LessThan(g.from) })
				w.Stopped, w.Hint = g.message, g.hint
			}
		}
		if len(next) > 0 {
			w.Hops, at = append(w.Hops, next[0].Original()), next[0]
		}
		if len(w.Hops) == 1 && w.Next == nil {
			w.Next = originals(next)
		}
		if w.Stopped != "" {
			return w
		}
	}
	return w
}

// oneStep returns the versions to which one step from at may lead, the newest first:
// later patches, and those of the next minor.
func oneStep(at *semver.Version, all []*semver.Version) []*semver.Version {
	var next []*semver.Version
	for _, v := range all {
		if v.Major() == at.Major() && v.GreaterThan(at) && v.Minor() <= at.Minor()+1 {
			next = append(next, v)
		}
	}
	return next
}

// ended says why there is nothing newer of a chart that all became vcluster, and what to
// do.
func ended(chart Chart, from, limit *semver.Version) (why, hint string) {
	if limit == nil && known[chart.Name] && chart.Name != "vcluster" && from.LessThan(oneChart) {
		return chart.Name + " ends with 0.19: from 0.20 on all vcluster charts are one",
			"Once on the last 0.19, write name: vcluster with a version 0.20 and the distro into the spec, and read what kasou plan says."
	}
	return "", ""
}
