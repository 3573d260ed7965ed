package tree

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// strayShared returns the paths that the lock lists and must not, sorted.
func strayShared(l *lockfile.FleetLock) []string {
	var strays []string
	for p := range l.Files {
		name, ok := strings.CutPrefix(p, layout.Bootstrap+"/")
		if !ok || name == "" || !fs.ValidPath(p) || strings.ContainsAny(name, "/\\\x00") || strings.HasPrefix(name, tempPrefix) {
			strays = append(strays, p)
		}
	}
	slices.Sort(strays)
	return strays
}

// ReadFleetLock reads fleet.lock.yaml; nil where there is none. A lock that does
// not parse gives a finding and no lock.
func (d *Disk) ReadFleetLock() (*lockfile.FleetLock, finding.List, error) {
	v := d.visit()
	defer v.Close()
	lock, _, findings, err := v.readFleetLock()
	return lock, findings, err
}

func (v *visit) readFleetLock() (lock *lockfile.FleetLock, text []byte, findings finding.List, err error) {
	at := path.Join(v.disk.dir, layout.FleetLock)
	text, err = v.readMaybe(at)
	if found := obstacleIn(err, ""); found != nil {
		return nil, nil, finding.List{*found}, nil
	}
	if err != nil || text == nil {
		return nil, nil, nil, err
	}
	if _, converted := unconverted(text); converted {
		return nil, text, finding.List{lineEnds(finding.Error, at, "")}, nil
	}
	lock, err = lockfile.ParseFleet(text)
	if err == nil {
		if strays := strayShared(lock); len(strays) > 0 {
			lock, err = nil, fmt.Errorf("claims files that cannot be kasou's: %s", some(strays))
		}
	}
	if err != nil {
		return nil, text, finding.List{badLock(at, "", strings.TrimSpace(err.Error()), "Restore it from git, or delete it, and run kasou build.")}, nil
	}
	return lock, text, nil, nil
}

// CompareFleet is Compare for what is one for all: fleet.lock.yaml and the files
// that it lists, by path from the repo's root. wanted.Files is filled in.
func (d *Disk) CompareFleet(wanted lockfile.FleetLock, files manifest.Files) (Plan, finding.List, error) {
	p := Plan{dir: d.dir}
	v := d.visit()
	defer v.Close()
	old, text, findings, err := v.readFleetLock()
	if err != nil || len(findings) > 0 {
		return p, findings, err
	}
	c := comparison{visit: v, plan: p}
	if old != nil {
		c.old.Files = old.Files
	}
	wanted.Files = map[string]string{}
	for _, name := range files.Paths() {
		wanted.Files[c.inside(name)] = manifest.Digest(files[name])
		if err := c.file(name, files[name]); err != nil {
			return p, nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.old.Files)) {
		if _, stays := wanted.Files[name]; !stays {
			if err := c.file(path.Join(d.dir, name), nil); err != nil {
				return p, nil, err
			}
		}
	}
	data, err := wanted.Marshal()
	if err != nil {
		return p, nil, fmt.Errorf("%s: %w", layout.FleetLock, err)
	}
	if !same(text, data) {
		c.plan.add(Change{Path: path.Join(d.dir, layout.FleetLock), Old: text, New: data, Cause: fleetLockCause(old, text)})
	}
	c.plan.sort()
	return c.plan, c.findings, nil
}

func fleetLockCause(old *lockfile.FleetLock, text []byte) Cause {
	if old == nil {
		return New
	}
	if canonical, err := old.Marshal(); err != nil || !same(canonical, text) {
		return HandEdit
	}
	return Stale
}
