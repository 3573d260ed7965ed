package disk

// Few is how many clusters of a run are synced file by file.
const Few = few

// OnStep has do called before every move on disk, until the returned function is.
func OnStep(do func(string)) (undo func()) {
	step = do
	return func() { step = func(string) {} }
}

// Share has the syncs of the disk shared, however few are written, and reports whether
// this system and file system can.
func (d *Disk) Share() bool {
	d.syncs.written.Add(few)
	return d.OnSync(func(real func() error) error { return real() })
}

// OnSync has do called for each sync of the whole file system, and reports whether there
// is one.
func (d *Disk) OnSync(do func(real func() error) error) bool {
	if _, err := d.clusters(); err != nil || d.syncs.system == nil {
		return false
	}
	real := d.syncs.system
	d.syncs.system = func() error { return do(real) }
	return true
}

// SyncTwice syncs twice by what do does, and returns both errors.
func SyncTwice(do func() error) [2]error {
	s := syncs{system: do}
	return [2]error{s.whole(), s.whole()}
}
