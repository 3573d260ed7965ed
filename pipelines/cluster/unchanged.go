package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kasou/pipelines/cache"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// base returns the digest of what all clusters are built with.
func base(b *workspace.Workspace) string {
	h := sha256.New()
	field := func(text string) { fmt.Fprintf(h, "%d %s\n", len(text), text) }
	field(b.Toolchain.Name())
	versions := b.Toolchain.Versions(b.Fleet.Spec.Helm)
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		field(name + " " + versions[name])
	}
	if c := b.Certificates.ArgoCD(); c != nil {
		field(c.Fingerprint)
	}
	field(b.SealKey)
	if b.Fleet.Spec.Sealing != nil {
		field(b.Fleet.Spec.Sealing.PublicKey)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hostDigests returns, for each host by its name, the digest of what its clusters are
// built with.
func hostDigests(b *workspace.Workspace) map[string]string {
	all := map[string]string{}
	for _, name := range b.Fleet.Spec.HostNames() {
		parts := slices.Clone(b.Schemas.Locations(name)) // their folders are named by their content
		for _, s := range b.Schemas.Scopes() {           // which stands in no schema
			parts = append(parts, fmt.Sprint(s, s.Cluster))
		}
		if c := b.Certificates.Of(name); c != nil {
			parts = append(parts, c.Fingerprint)
		}
		all[name] = manifest.Digest([]byte(strings.Join(parts, "\n")))
	}
	return all
}

// sourceDigest returns the digest of what the inputs are read from.
func (w *work) sourceDigest() string {
	return manifest.Digest([]byte(w.cluster.TextDigest() + "\n" + w.chart.Digest + "\n" + w.extras.Digest()))
}

// inputsDigest returns the digest of everything that the files are made from.
func (w *work) inputsDigest() (string, error) {
	spec, err := w.cluster.Digest()
	if err != nil {
		return "", err
	}
	return manifest.Digest([]byte(spec + "\n" + w.chart.Digest + "\n" + w.extras.Digest())), nil
}

// unchanged reports whether the cluster is as this program built it: from the same
// inputs, with every file that its lock lists there and as it was. The findings
// are those of that build.
func (b *Builder) unchanged(w *work) (finding.List, bool) {
	if w.lock == nil || !w.cluster.OwnInputs() || b.Trust.RolledBack(w.cluster.Name, w.lock) {
		return nil, false
	}
	known := b.built.Get(w.cluster.Name)
	if known == nil || known.Digest != b.built.Digest(w.lock, b.onHosts[w.cluster.Spec.Host]) || len(known.Findings) > 0 && known.Text != w.cluster.TextDigest() {
		return nil, false
	}
	if slices.ContainsFunc(known.Hosts, func(host string) bool { return b.endpoints.Of(host, w.cluster.Name) != "" }) {
		return nil, false // by now another cluster is reached there
	}
	if b.own.Visited(w.cluster) || b.own.Claims(w.cluster.Name, known.Outside) {
		return nil, false // by now others have to do with what it brings
	}
	source := w.sourceDigest()
	if source != known.Source {
		// Other texts may mean the same.
		if b.Fleet.Cached {
			return nil, false
		}
		if inputs, err := w.inputsDigest(); err != nil || inputs != w.lock.Inputs {
			return nil, false
		}
	}
	intact, err := tree.Intact(b.Disk, w.cluster.Name, *w.lock)
	if err != nil || !intact {
		return nil, false
	}
	if source != known.Source {
		known.Source = source
		b.built.Put(w.cluster.Name, known)
	}
	if known.Sealed {
		b.sealed.Store(true)
	}
	w.outside = known.Outside
	b.Claim(w.Cluster, w.outside)
	return known.Findings, true
}

// keepBuilt notes that the cluster was built, is on disk as its lock says, and
// would be built the same again.
func (b *Builder) keepBuilt(c fleet.Cluster, w *Built) {
	if b.built == nil || !w.Usable() || !w.lasting || !c.OwnInputs() ||
		slices.ContainsFunc(w.Findings, func(f finding.Finding) bool { return !repeats(f) }) {
		return
	}
	lock, findings, err := tree.ReadLock(b.Disk, c.Name)
	if err != nil || lock == nil || len(findings) > 0 || lock.Inputs != w.inputs {
		return
	}
	e := &cache.Entry{
		Source: w.source, Digest: b.built.Digest(lock, b.onHosts[c.Spec.Host]),
		Findings: w.Findings, Sealed: w.sealed, Outside: w.outside, Hosts: w.hosts,
	}
	if len(e.Findings) > 0 {
		e.Text = c.TextDigest()
	}
	b.built.PutLock(c.Name, lock)
	b.built.Put(c.Name, e)
}

// repeats reports whether a stage will find the same again as long as its inputs
// are the same. What sealing, the cache or the disk gives rise to is found once.
func repeats(f finding.Finding) bool {
	stage, _ := f.Rule.Stage()
	return stage.Repeats()
}

// lasting reports whether no sealed value among the files of a cluster is due to be sealed
// anew one day, which is so while all are sealed with today's certificates.
func lasting(certificates workspace.Certificates, c fleet.Cluster, files manifest.Set) bool {
	for _, f := range files {
		var today *seal.Certificate
		switch f.Role {
		case manifest.Sealed:
			today = certificates.Of(c.Spec.Host)
		case manifest.Registration:
			today = certificates.ArgoCD()
		default:
			continue
		}
		for _, certificate := range seal.Certificates(f.Documents) {
			if today == nil || certificate != today.Fingerprint {
				return false
			}
		}
	}
	return true
}
