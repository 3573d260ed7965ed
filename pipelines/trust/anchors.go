package trust

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/seal"
)

// anchors are what a fleet.yaml has others trust, held against the commits before.
type anchors struct {
	fleet *fleet.Fleet
	// committed returns a file of the repo as it stands on disk, or nil.
	committed func(file string) []byte
	// keys are those of which a signature counts: held leaves new ones out.
	keys seal.PublicKeys
}

// held compares the public keys, the sealing certificates, the tools' images and the
// sources of values with those of the commits before.
func (a *anchors) held(ctx context.Context, before history.Before) (finding.List, error) {
	changed, err := before.Changed(ctx, append(a.patterns(a.certificates()), history.Literal(a.fleet.File))...)
	if err != nil {
		return nil, err
	}
	var findings finding.List
	told := map[string]bool{}
	for i, files := range changed {
		old := fleet.Anchors{PublicKeys: a.keys, Certificates: a.certificates(), Images: a.fleet.Spec.Toolchain.Images(), Sources: a.fleet.Spec.ValuesFrom.Allowed()}
		if text, ok := files[a.fleet.File]; ok {
			if old, err = fleet.AnchorsIn(text); err != nil {
				findings = append(findings, a.fleet.Finding(finding.Warning, RuleHistoryUnknown, PublicKeyField,
					"whether a public key or a sealing certificate is new is not known: the fleet.yaml of the commit before does not parse", ""))
				continue
			}
			if len(old.Certificates) > 0 {
				others, err := before.Changed(ctx, a.patterns(old.Certificates)...)
				if err != nil {
					return nil, err
				}
				maps.Copy(files, others[i])
			}
		}
		found := a.keysBefore(old.PublicKeys)
		if found.Failed() {
			return found, nil
		}
		for _, f := range slices.Concat(found, a.newCertificates(old.Certificates, files), a.newTools(old.Images), a.newSources(old.Sources)) {
			if !told[f.Message] {
				told[f.Message], findings = true, append(findings, f)
			}
		}
	}
	return findings, nil
}

// certificates returns the files of the sealing certificates, from the clusters folder.
func (a *anchors) certificates() []string {
	var files []string
	for _, named := range a.fleet.Spec.Certificates() {
		files = append(files, named.File)
	}
	return files
}

// patterns returns those of git's glob that match files of the clusters folder.
func (a *anchors) patterns(files []string) []string {
	patterns := make([]string, 0, len(files))
	for _, file := range files {
		patterns = append(patterns, history.Literal(a.certificateFile(file)))
	}
	return patterns
}

// keysBefore leaves out the keys that the commit before, which names old, does not.
func (a *anchors) keysBefore(old seal.PublicKeys) finding.List {
	if len(old) == 0 {
		return nil // the first key
	}
	kept := slices.DeleteFunc(slices.Clone(a.keys), func(k ed25519.PublicKey) bool {
		return !slices.ContainsFunc(old, func(o ed25519.PublicKey) bool { return bytes.Equal(o, k) })
	})
	switch {
	case len(kept) == 0:
		return finding.List{a.fleet.Finding(finding.Error, RuleNewPublicKey, PublicKeyField,
			"none of the public keys of the commit before is named any more: nothing that is sealed would be proven",
			"Add the new key behind a comma, commit, seal and register anew with it, and take the old one out in a later commit.")}
	case len(kept) < len(a.keys):
		a.keys = kept
		return finding.List{a.fleet.Finding(finding.Warning, RuleNewPublicKey, PublicKeyField,
			"a public key is new: whoever has its other half can sign registrations once this is merged",
			"Look who made it. Its signatures count from the next commit on.")}
	}
	return nil
}

// newCertificates returns a warning for each sealing certificate whose key none of the
// files had that the commit before names, old. changed are the contents, there, of the
// files that are others today.
func (a *anchors) newCertificates(old []string, changed map[string][]byte) finding.List {
	if len(old) == 0 {
		return nil // the first certificate
	}
	known := map[string]bool{}
	for _, name := range old {
		text, moved := changed[a.certificateFile(name)]
		if !moved {
			text = a.committed(a.certificateFile(name))
		}
		known[fingerprint(text)] = true
	}
	var findings finding.List
	for _, named := range a.fleet.Spec.Certificates() {
		now := fingerprint(a.committed(a.certificateFile(named.File)))
		if now == "" || known[now] {
			continue // one that cannot be read has a finding of its own
		}
		findings = append(findings, a.fleet.Finding(finding.Warning, RuleNewCertificate, named.Field,
			named.File+" has another key than the sealing certificate of the commit before: whoever has the private half can read what is sealed from now on",
			"Compare it with the controller's own: kasou lock --certificate fetches that one."))
	}
	return findings
}

// newTools returns a warning for each tool that runs from another image than the commit
// before names, old.
func (a *anchors) newTools(old map[string]string) finding.List {
	var findings finding.List
	images := a.fleet.Spec.Toolchain.Images()
	for _, tool := range slices.Sorted(maps.Keys(images)) {
		if images[tool] != old[tool] {
			findings = append(findings, a.fleet.Finding(finding.Warning, RuleNewTool, []string{"spec", "toolchain", tool, "image"},
				tool+" runs from another image than in the commit before: with --toolchain dagger its maker says what is rendered, valid and sealed, and is given what is sealed",
				"Look who made it, and compare its digest with theirs."))
		}
	}
	return findings
}

// newSources returns a warning for each source of values beyond a cluster's own that the
// commit before does not allow, which allows old.
func (a *anchors) newSources(old []fleet.AllowedSource) finding.List {
	var findings finding.List
	for i, source := range a.fleet.Spec.ValuesFrom.Allowed() {
		if source.Within(old) {
			continue
		}
		who := "every cluster"
		if len(source.Clusters) > 0 {
			who = finding.Few(source.Clusters, 3)
		}
		findings = append(findings, a.fleet.Finding(finding.Warning, RuleNewSource, []string{"spec", "valuesFrom", "allow", strconv.Itoa(i)},
			fmt.Sprintf("%s may be taken by %s, which the commit before does not allow: whoever runs such a cluster can read it", source, who),
			"Ask whose it is."))
	}
	return findings
}

func (a *anchors) certificateFile(name string) string { return path.Join(a.fleet.Dir, name) }

// fingerprint returns that of a certificate's key; empty where the text is not one.
// Whether it is still valid does not matter.
func fingerprint(text []byte) string {
	certificate, _ := seal.ParseCertificate(text, time.Time{})
	return certificate.Fingerprint
}
