package pipelines

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/report"
)

// rings say which clusters may move, and to which version.
type rings struct {
	*run
	options UpgradeOptions
	git     *history.Dates
	// closed is why a ring waits, by its index.
	closed map[int]string
	// sick is what is wrong with the clusters of a ring, by its index; empty where
	// nothing is.
	sick map[int]string
	// soaked remembers the answers about a cluster and a version: one for each, of
	// thousands of clusters that wait for it.
	soaked map[string]time.Time
}

func newRings(r *run, u UpgradeOptions) *rings {
	if u.Now.IsZero() {
		u.Now = time.Now()
	}
	return &rings{run: r, options: u, closed: map[int]string{}, sick: map[int]string{}, soaked: map[string]time.Time{}}
}

// ruled reports whether the rings say who moves: a person who names clusters does.
func (r *rings) ruled() bool { return len(r.Names) == 0 && len(r.fleet.Spec.Rings) > 0 }

// asked reports whether the run is about the cluster.
func (r *rings) asked(cluster string) bool {
	if !r.ruled() {
		return true
	}
	i, in := r.fleet.Spec.RingOf(cluster)
	return in && (r.options.Ring == "" || r.fleet.Spec.Rings[i].Name == r.options.Ring)
}

// name returns the name of the cluster's ring; empty where it has none.
func (r *rings) name(cluster string) string {
	if i, in := r.fleet.Spec.RingOf(cluster); in {
		return r.fleet.Spec.Rings[i].Name
	}
	return ""
}

// next returns which of the versions the cluster goes to, the newest first, or why it
// waits.
func (r *rings) next(ctx context.Context, c fleet.Cluster, versions []string) (version, why string, err error) {
	if !r.ruled() {
		return versions[0], "", nil
	}
	at, _ := r.fleet.Spec.RingOf(c.Name)
	before, members := r.before(at)
	if at == 0 || before < 0 {
		return versions[0], "", nil
	}
	ring := r.fleet.Spec.Rings[before].Name
	for _, v := range versions {
		waits, far, err := r.waits(ctx, c, members, v, r.fleet.Spec.Rings[at].SoakTime())
		if err != nil {
			return "", "", err
		}
		if waits == "" {
			if waits, err = r.unhealthy(ctx, before, members); err != nil {
				return "", "", err
			}
			far = true
		}
		if waits == "" {
			return v, "", nil
		}
		if why == "" || far {
			why = "ring " + ring + ": " + waits
		}
		if far {
			break // older versions would have to wait for the same
		}
	}
	if r.closed[at] == "" {
		r.closed[at] = why
	}
	return "", "closed: " + why, nil
}

// before returns the nearest ring before that has clusters, and those; -1 where
// there is none.
func (r *rings) before(at int) (int, []fleet.Cluster) {
	for ring := at - 1; ring >= 0; ring-- {
		var members []fleet.Cluster
		for _, c := range r.fleet.Clusters {
			if i, in := r.fleet.Spec.RingOf(c.Name); in && i == ring && !c.Spec.Retire {
				members = append(members, c)
			}
		}
		if len(members) > 0 {
			return ring, members
		}
	}
	return -1, nil
}

// waits returns what of the members keeps c from going to the version; far says that
// all of them are on it, and only time is missing.
func (r *rings) waits(ctx context.Context, c fleet.Cluster, members []fleet.Cluster, version string, soak time.Duration) (why string, far bool, err error) {
	for _, m := range members {
		lock, err := r.committedLock(ctx, m.Name)
		switch {
		case err != nil:
			return "", false, err
		case lock == nil:
			return m.Name + " is not committed yet", false, nil
		case lock.Chart.Name != c.Spec.Chart.Name || lock.Chart.Repository != c.Spec.Chart.Repository:
			return fmt.Sprintf("%s runs another chart, %s, which proves nothing of %s", m.Name, chartName(lock.Chart), c.Spec.Chart.Name), false, nil
		case newer(version, lock.Chart.Version):
			return fmt.Sprintf("%s is on %s, not on %s", m.Name, lock.Chart.Version, version), false, nil
		}
	}
	if soak <= 0 {
		return "", false, nil
	}
	for _, m := range members {
		since := r.since(ctx, m.Name, version)
		switch {
		case since.IsZero():
			return fmt.Sprintf("git does not say since when %s is on %s: fetch the whole history (fetch-depth: 0)", m.Name, version), true, nil
		case r.options.Now.Sub(since) < soak:
			return fmt.Sprintf("%s is on %s since %s: it has to be for %s, until %s", m.Name, version, date(since), duration(soak), date(since.Add(soak))), true, nil
		}
	}
	return "", false, nil
}

func chartName(lock lockfile.ChartLock) string {
	if lock.Path != "" {
		return lock.Path
	}
	return lock.Name
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// duration returns a duration without the zeros that Go writes behind it.
func duration(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// since returns from when on the cluster is on the version, or a newer one; zero where
// git does not know.
func (r *rings) since(ctx context.Context, cluster, version string) time.Time {
	key := cluster + " " + version
	if when, known := r.soaked[key]; known {
		return when
	}
	if r.git == nil {
		dates := history.OpenDates(ctx, r.Root)
		r.git = &dates
	}
	when, _ := r.git.Since(ctx, r.lockFile(cluster), func(text []byte) bool {
		lock, err := lockfile.Parse(text)
		return err == nil && lock.Chart.Version != "" && !newer(version, lock.Chart.Version)
	})
	r.soaked[key] = when
	return when
}

// unhealthy returns what the host says against the members of a ring; empty where it
// is not to be asked.
func (r *rings) unhealthy(ctx context.Context, ring int, members []fleet.Cluster) (string, error) {
	if !r.options.Live {
		return "", nil
	}
	if why, asked := r.sick[ring]; asked {
		return why, nil
	}
	o := r.Options
	o.Names = nil
	for _, m := range members {
		o.Names = append(o.Names, m.Name)
	}
	seen, err := Drift(ctx, o, DriftOptions{Live: true, Now: r.options.Now})
	if err != nil {
		return "", err
	}
	r.sick[ring] = sickness(seen)
	return r.sick[ring], nil
}

// sickness returns the first thing that is wrong on the host, or that it did not
// tell.
func sickness(seen *report.Report) string {
	for _, row := range seen.Drift {
		onHost := row.Kind == report.DriftLive && (row.Drifted() || row.Unknown)
		credential := row.Kind == report.DriftTrust && row.Cluster != "" && row.Drifted()
		if !onHost && !credential {
			continue
		}
		word := "is not healthy"
		if row.Unknown {
			word = "may not be healthy"
		}
		return fmt.Sprintf("%s %s: %s", cmp.Or(row.Cluster, "it"), word, row.Message)
	}
	for _, u := range seen.Unfinished {
		return u.String()
	}
	return ""
}

// findings say which rings are closed, and why.
func (r *rings) findings() finding.List {
	var all finding.List
	for i, ring := range r.fleet.Spec.Rings {
		why, closed := r.closed[i]
		if !closed {
			continue
		}
		severity := finding.Note
		if r.options.Ring == ring.Name && !r.options.Patient {
			severity = finding.Error
		}
		all = append(all, r.fleet.Finding(severity, RuleRingClosed, []string{"spec", "rings", fmt.Sprint(i)},
			fmt.Sprintf("ring %s is closed: %s", ring.Name, strings.TrimPrefix(why, "closed: ")),
			"Wait, or name clusters to move them all the same."))
	}
	return all
}
