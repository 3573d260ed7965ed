package upgrade

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
	*mover
	dates *history.Dates
	// closed is why a ring waits, by its index.
	closed map[int]string
	// sick is what is wrong with the clusters of a ring, by its index; empty where
	// nothing is.
	sick map[int]string
	// members are the clusters of a ring before, by the index of the ring after it, and
	// locks are theirs: thousands of clusters ask for the same few.
	members map[int]before
	locks   map[string]*lockfile.Lock
	// soaked has since when a cluster is on a version, answers what a ring waits for:
	// by the chart and the version.
	soaked  map[string]time.Time
	answers map[question]answer
}

// before are the clusters that a ring waits for.
type before struct {
	ring     int
	clusters []fleet.Cluster
}

// question is whether a ring may go to a version of a chart.
type question struct {
	ring                      int
	repository, name, version string
}

// answer is what it waits for; empty where it may go. far says that all clusters before
// are on the version, and only time or health is missing.
type answer struct {
	why string
	far bool
}

func newRings(r *mover) *rings {
	if r.options.Now.IsZero() {
		r.options.Now = time.Now()
	}
	return &rings{
		mover: r, closed: map[int]string{}, sick: map[int]string{}, members: map[int]before{},
		locks: map[string]*lockfile.Lock{}, soaked: map[string]time.Time{}, answers: map[question]answer{},
	}
}

// ruled reports whether the rings say who moves: a person who names clusters does.
func (r *rings) ruled() bool { return len(r.Names) == 0 && len(r.Fleet.Spec.Rings) > 0 }

// asked reports whether the run is about the cluster.
func (r *rings) asked(cluster string) bool {
	if !r.ruled() {
		return true
	}
	i, in := r.Fleet.Spec.RingOf(cluster)
	return in && (r.options.Ring == "" || r.Fleet.Spec.Rings[i].Name == r.options.Ring)
}

// name returns the name of the cluster's ring; empty where it has none.
func (r *rings) name(cluster string) string {
	if i, in := r.Fleet.Spec.RingOf(cluster); in {
		return r.Fleet.Spec.Rings[i].Name
	}
	return ""
}

// next returns which of the versions the cluster goes to, the newest first, or why it
// waits.
func (r *rings) next(ctx context.Context, c fleet.Cluster, versions []string) (version, why string, err error) {
	if !r.ruled() {
		return versions[0], "", nil
	}
	at, _ := r.Fleet.Spec.RingOf(c.Name)
	b := r.before(at)
	if len(b.clusters) == 0 {
		return versions[0], "", nil
	}
	for _, v := range versions {
		a, err := r.ask(ctx, at, *c.Spec.Chart, v)
		switch {
		case err != nil:
			return "", "", err
		case a.why == "":
			return v, "", nil
		case why == "" || a.far:
			why = "ring " + r.Fleet.Spec.Rings[b.ring].Name + ": " + a.why
		}
		if a.far {
			break // older versions would have to wait for the same
		}
	}
	if r.closed[at] == "" {
		r.closed[at] = why
	}
	return "", "closed: " + why, nil
}

// before returns the clusters of the nearest ring before that has any.
func (r *rings) before(at int) before {
	if known, ok := r.members[at]; ok {
		return known
	}
	var b before
	for b.ring = at - 1; b.ring >= 0 && len(b.clusters) == 0; b.ring-- {
		for _, c := range r.Fleet.Clusters {
			if i, in := r.Fleet.Spec.RingOf(c.Name); in && i == b.ring && !c.Spec.Retire {
				b.clusters = append(b.clusters, c)
			}
		}
	}
	b.ring++
	r.members[at] = b
	return b
}

// ask returns whether a ring may go to a version of a chart.
func (r *rings) ask(ctx context.Context, at int, chart fleet.Chart, version string) (answer, error) {
	q := question{ring: at, repository: chart.Repository, name: chart.Name, version: version}
	if known, ok := r.answers[q]; ok {
		return known, nil
	}
	b := r.before(at)
	var a answer
	var err error
	a.why, err = r.behind(ctx, b.clusters, q)
	if err == nil && a.why == "" {
		a.far = true
		a.why = r.soaking(ctx, b.clusters, version, r.Fleet.Spec.Rings[at].SoakTime())
	}
	if err == nil && a.why == "" {
		a.why, err = r.unhealthy(ctx, b.ring, b.clusters)
	}
	r.answers[q] = a
	return a, err
}

// behind returns which of the clusters is not on the version yet.
func (r *rings) behind(ctx context.Context, clusters []fleet.Cluster, q question) (string, error) {
	for _, m := range clusters {
		lock, known := r.locks[m.Name]
		if !known {
			var err error
			if lock, err = r.base.Lock(ctx, m.Name); err != nil {
				return "", err
			}
			r.locks[m.Name] = lock
		}
		switch {
		case lock == nil:
			return m.Name + " is not committed yet", nil
		case lock.Chart.Name != q.name || lock.Chart.Repository != q.repository:
			return fmt.Sprintf("%s runs another chart, %s, which proves nothing of %s", m.Name, chartName(lock.Chart), q.name), nil
		case newer(q.version, lock.Chart.Version):
			return fmt.Sprintf("%s is on %s, not on %s", m.Name, lock.Chart.Version, q.version), nil
		}
	}
	return "", nil
}

// soaking returns which of the clusters is not on the version for long enough.
func (r *rings) soaking(ctx context.Context, clusters []fleet.Cluster, version string, soak time.Duration) string {
	if soak <= 0 {
		return ""
	}
	for _, m := range clusters {
		since := r.since(ctx, m.Name, version)
		switch {
		case since.IsZero():
			return fmt.Sprintf("git does not say since when %s is on %s: fetch the whole history (fetch-depth: 0)", m.Name, version)
		case r.options.Now.Sub(since) < soak:
			return fmt.Sprintf("%s is on %s since %s: it has to be for %s, until %s", m.Name, version, date(since), duration(soak), date(since.Add(soak)))
		}
	}
	return ""
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
	if r.dates == nil {
		dates := r.Git(ctx).Dates(ctx)
		r.dates = &dates
	}
	when, _ := r.dates.Since(ctx, r.Paths(cluster).Lock(), func(text []byte) bool {
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
	seen, err := r.options.Health(ctx, o, r.options.Now)
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
	for i, ring := range r.Fleet.Spec.Rings {
		why, closed := r.closed[i]
		if !closed {
			continue
		}
		severity := finding.Note
		if r.options.Ring == ring.Name && !r.options.Patient {
			severity = finding.Error
		}
		all = append(all, r.Fleet.Finding(severity, RuleRingClosed, []string{"spec", "rings", fmt.Sprint(i)},
			fmt.Sprintf("ring %s is closed: %s", ring.Name, strings.TrimPrefix(why, "closed: ")),
			"Wait, or name clusters to move them all the same."))
	}
	return all
}
