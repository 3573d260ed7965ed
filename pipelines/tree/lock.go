package tree

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree/disk"
)

// ReadLock reads the cluster's lock.yaml; nil where there is none. A lock that
// does not parse, or that claims files which cannot be the cluster's, is
// findings and no lock.
func ReadLock(d *disk.Disk, cluster string) (*lockfile.Lock, finding.List, error) {
	return RereadLock(d, cluster, nil)
}

// RereadLock is ReadLock, and returns known, a lock that ReadLock returned before, where the
// text is the same.
func RereadLock(d *disk.Disk, cluster string, known *lockfile.Lock) (*lockfile.Lock, finding.List, error) {
	v := d.View()
	defer v.Close()
	lock, _, findings, err := readLock(d, v, cluster, known)
	return lock, findings, err
}

// readLock returns the lock and its text: known, where that is what it says.
func readLock(d *disk.Disk, v *disk.View, cluster string, known *lockfile.Lock) (*lockfile.Lock, []byte, finding.List, error) {
	at := layout.Of(d.Dir(), cluster).Lock()
	text, findings, err := readText(v, at, cluster)
	if text == nil || findings != nil || err != nil {
		return nil, text, findings, err
	}
	if known != nil && manifest.HasDigest(text, known.Text) {
		return known, text, nil, nil
	}
	lock, err := lockfile.Parse(text)
	if err != nil {
		return nil, text, finding.List{badLock(at, cluster, strings.TrimSpace(err.Error()),
			"Restore it from git; after a merge conflict take either side, then run kasou build.")}, nil
	}
	found := strays(lock.Files, func(p string) bool { return owned(cluster, p) })
	if len(found) == 0 {
		return lock, text, nil, nil
	}
	old, err := renamedFrom(d, v, lock)
	switch {
	case err != nil:
		return nil, text, nil, err
	case old != "":
		return nil, text, finding.List{renamed(d.Dir(), old, cluster)}, nil
	}
	return nil, text, finding.List{badLock(at, cluster,
		fmt.Sprintf("claims files that cannot be cluster %s's: %s", cluster, some(found)),
		"Restore it from git. If the folder is a copy of another cluster's, delete everything in it but spec.yaml.")}, nil
}

// ReadFleetLock reads fleet.lock.yaml; nil where there is none. A lock that does
// not parse is a finding and no lock.
func ReadFleetLock(d *disk.Disk) (*lockfile.FleetLock, finding.List, error) {
	v := d.View()
	defer v.Close()
	lock, _, findings, err := readFleetLock(v, path.Join(d.Dir(), layout.FleetLock))
	return lock, findings, err
}

func readFleetLock(v *disk.View, at string) (*lockfile.FleetLock, []byte, finding.List, error) {
	text, findings, err := readText(v, at, "")
	if text == nil || findings != nil || err != nil {
		return nil, text, findings, err
	}
	lock, err := lockfile.ParseFleet(text)
	if err == nil {
		if found := strays(lock.Files, bootstraps); len(found) > 0 {
			err = fmt.Errorf("claims files that cannot be kasou's: %s", some(found))
		}
	}
	if err != nil {
		return nil, text, finding.List{badLock(at, "", strings.TrimSpace(err.Error()), "Restore it from git, or delete it, and run kasou build.")}, nil
	}
	return lock, text, nil, nil
}

// readText returns the text of a lock; nil where there is none. Findings are why it
// cannot be one.
func readText(v *disk.View, at, cluster string) ([]byte, finding.List, error) {
	data, err := v.Read(at)
	if found := obstacleIn(err, cluster); found != nil {
		return nil, finding.List{*found}, nil
	}
	if _, converted := unconverted(data); converted {
		return nil, finding.List{lineEnds(finding.Error, at, cluster)}, nil
	}
	return bytes.Clone(data), nil, err
}

func badLock(p, cluster, message, hint string) finding.Finding {
	return finding.Finding{File: p, Cluster: cluster, Rule: RuleBadLock, Severity: finding.Error, Message: message, Hint: hint}
}

// strays returns the paths that a lock lists and that are not mine, sorted.
func strays(files map[string]string, mine func(p string) bool) []string {
	var found []string
	for p := range files {
		if !mine(p) {
			found = append(found, p)
		}
	}
	slices.Sort(found)
	return found
}

// some joins the first few of a list for a message.
func some(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return finding.Few(quoted, 3)
}
