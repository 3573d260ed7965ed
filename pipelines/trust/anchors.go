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

// anchorsBefore holds the public keys and the sealing certificates against those of the
// commits before.
func (b *Book) anchorsBefore(ctx context.Context, before history.Before) (finding.List, error) {
	changed, err := before.Changed(ctx, append(b.patterns(b.certificates()), history.Literal(b.Fleet.File))...)
	if err != nil {
		return nil, err
	}
	var findings finding.List
	told := map[string]bool{}
	for i, files := range changed {
		old := fleet.Anchors{PublicKeys: b.Keys, Certificates: b.certificates(), Images: b.Fleet.Spec.Toolchain.Images(), Sources: b.Fleet.Spec.ValuesFrom.Allowed()}
		if text, ok := files[b.Fleet.File]; ok {
			if old, err = fleet.AnchorsIn(text); err != nil {
				findings = append(findings, b.Fleet.Finding(finding.Warning, RuleHistoryUnknown, PublicKeyField,
					"whether a public key or a sealing certificate is new is not known: the fleet.yaml of the commit before does not parse", ""))
				continue
			}
			if len(old.Certificates) > 0 {
				others, err := before.Changed(ctx, b.patterns(old.Certificates)...)
				if err != nil {
					return nil, err
				}
				maps.Copy(files, others[i])
			}
		}
		found := b.keysBefore(old.PublicKeys)
		if found.Failed() {
			return found, nil
		}
		for _, f := range slices.Concat(found, b.newCertificates(old.Certificates, files), b.newTools(old.Images), b.newSources(old.Sources)) {
			if !told[f.Message] {
				told[f.Message], findings = true, append(findings, f)
			}
		}
	}
	return findings, nil
}

// certificates returns the files of the sealing certificates, from the clusters folder.
func (b *Book) certificates() []string {
	var files []string
	for _, named := range b.Fleet.Spec.Certificates() {
		files = append(files, named.File)
	}
	return files
}

// patterns returns those of git's glob that match files of the clusters folder.
func (b *Book) patterns(files []string) []string {
	patterns := make([]string, 0, len(files))
	for _, file := range files {
		patterns = append(patterns, history.Literal(b.certificateFile(file)))
	}
	return patterns
}

// keysBefore leaves out the keys that the commit before, which names old, does not.
func (b *Book) keysBefore(old seal.PublicKeys) finding.List {
	if len(old) == 0 {
		return nil // the first key
	}
	kept := slices.DeleteFunc(slices.Clone(b.Keys), func(k ed25519.PublicKey) bool {
		return !slices.ContainsFunc(old, func(o ed25519.PublicKey) bool { return bytes.Equal(o, k) })
	})
	switch {
	case len(kept) == 0:
		return finding.List{b.Fleet.Finding(finding.Error, RuleNewPublicKey, PublicKeyField,
			"none of the public keys of the commit before is named any more: nothing that is sealed would be proven",
			"Add the new key behind a comma, commit, seal and register anew with it, and take the old one out in a later commit.")}
	case len(kept) < len(b.Keys):
		b.Keys = kept
		return finding.List{b.Fleet.Finding(finding.Warning, RuleNewPublicKey, PublicKeyField,
			"a public key is new: whoever has its other half can sign registrations once this is merged",
			"Look who made it. Its signatures count from the next commit on.")}
	}
	return nil
}

// newCertificates returns a warning for each sealing certificate whose key none of the
// files had that the commit before names, old. changed are the contents, there, of the
// files that are others today.
func (b *Book) newCertificates(old []string, changed map[string][]byte) finding.List {
	if len(old) == 0 {
		return nil // the first certificate
	}
	known := map[string]bool{}
	for _, name := range old {
		text, moved := changed[b.certificateFile(name)]
		if !moved {
			text = b.Committed(b.certificateFile(name))
		}
		known[fingerprint(text)] = true
	}
	var findings finding.List
	for _, named := range b.Fleet.Spec.Certificates() {
		now := fingerprint(b.Committed(b.certificateFile(named.File)))
		if now == "" || known[now] {
			continue // one that cannot be read has a finding of its own
		}
		findings = append(findings, b.Fleet.Finding(finding.Warning, RuleNewCertificate, named.Field,
			named.File+" has another key than the sealing certificate of the commit before: whoever has the private half can read what is sealed from now on",
			"Compare it with the controller's own: kasou lock --certificate fetches that one."))
	}
	return findings
}

// newTools returns a warning for each tool that runs from another image than the commit
// before names, old.
func (b *Book) newTools(old map[string]string) finding.List {
	var findings finding.List
	images := b.Fleet.Spec.Toolchain.Images()
	for _, tool := range slices.Sorted(maps.Keys(images)) {
		if images[tool] != old[tool] {
			findings = append(findings, b.Fleet.Finding(finding.Warning, RuleNewTool, []string{"spec", "toolchain", tool, "image"},
				tool+" runs from another image than in the commit before: with --toolchain dagger its maker says what is rendered, valid and sealed, and is given what is sealed",
				"Look who made it, and compare its digest with theirs."))
		}
	}
	return findings
}

// newSources returns a warning for each source of values beyond a cluster's own that the
// commit before does not allow, which allows old.
func (b *Book) newSources(old []fleet.AllowedSource) finding.List {
	var findings finding.List
	for i, source := range b.Fleet.Spec.ValuesFrom.Allowed() {
		if source.Within(old) {
			continue
		}
		who := "every cluster"
		if len(source.Clusters) > 0 {
			who = finding.Few(source.Clusters, 3)
		}
		findings = append(findings, b.Fleet.Finding(finding.Warning, RuleNewSource, []string{"spec", "valuesFrom", "allow", strconv.Itoa(i)},
			fmt.Sprintf("%s may be taken by %s, which the commit before does not allow: whoever runs such a cluster can read it", source, who),
			"Ask whose it is."))
	}
	return findings
}

func (b *Book) certificateFile(name string) string { return path.Join(b.Fleet.Dir, name) }

// fingerprint returns that of a certificate's key; empty where the text is not one.
// Whether it is still valid does not matter.
func fingerprint(text []byte) string {
	certificate, _ := seal.ParseCertificate(text, time.Time{})
	return certificate.Fingerprint
}
