package tree

import (
	"fmt"
	"path"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree/disk"
)

// CompareFleet is Compare for what is one for all: fleet.lock.yaml and the files
// that it lists, by path from the repo's root. wanted.Files is filled in.
func CompareFleet(d *disk.Disk, wanted lockfile.FleetLock, files manifest.Files) (Plan, finding.List, error) {
	v := d.View()
	defer v.Close()
	c := comparison{view: v, plan: Plan{dir: d.Dir()}}
	at := path.Join(d.Dir(), layout.FleetLock)
	old, text, findings, err := readFleetLock(v, at)
	if err != nil || len(findings) > 0 {
		return c.plan, findings, err
	}
	if old == nil {
		old = &lockfile.FleetLock{}
	}
	c.old.Files = old.Files
	if wanted.Files, err = c.files(files); err != nil {
		return c.plan, nil, err
	}
	data, err := wanted.Marshal()
	if err != nil {
		return c.plan, nil, fmt.Errorf("%s: %w", layout.FleetLock, err)
	}
	if !disk.Same(text, data) {
		c.plan.add(Change{Path: at, Old: text, New: data, Cause: lockCause(text, old.Marshal)})
	}
	c.plan.sort()
	return c.plan, c.findings, nil
}
