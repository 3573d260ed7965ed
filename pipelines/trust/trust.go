// Package trust says what of the sealed files is proven, by signatures in the locks
// and by the commits before.
package trust

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"kasou/pipelines/argocd"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
)

const (
	// RuleUnproven: the fleet names no public key, so that what is sealed is not
	// proven.
	RuleUnproven finding.Rule = "seal-unproven"
	// RuleWrongKey: the run has a KASOU_SEAL_KEY that the fleet does not name.
	RuleWrongKey finding.Rule = "seal-wrong-key"
	// RuleUnsigned: a sealed file without a signature that counts.
	RuleUnsigned finding.Rule = "seal-unsigned"
	// RuleRollback: a sealed file was put back to an older one.
	RuleRollback finding.Rule = "seal-rollback"
	// RuleNewPublicKey: fleet.yaml names a public key that the commit before does
	// not.
	RuleNewPublicKey finding.Rule = "seal-new-public-key"
	// RuleNewCertificate: a sealing certificate has another key than the commit before.
	RuleNewCertificate finding.Rule = "seal-new-certificate"
	// RuleNewTool: a tool runs from another image than in the commit before.
	RuleNewTool finding.Rule = "seal-new-tool"
	// RuleNewSource: specs may take values from a source that the commit before does not allow.
	RuleNewSource finding.Rule = "values-new-source"
	// RuleHistoryUnknown: the commit before is not there to compare with.
	RuleHistoryUnknown finding.Rule = "seal-history-unknown"
	// RuleRegistrationForeign: what stands in a registration's place is not the
	// one sealed cluster Secret.
	RuleRegistrationForeign finding.Rule = "register-foreign"
	// RuleStaleSecret: the registration has other namespaces or another project
	// than the spec wants.
	RuleStaleSecret finding.Rule = "register-stale-secret"
	// RuleStaleServer: the registration is of another server than the spec's.
	RuleStaleServer finding.Rule = "register-stale-server"
)

// PublicKeyField is where fleet.yaml names the keys.
var PublicKeyField = []string{"spec", "sealing", "publicKey"}

// Options are what a Book is opened with.
type Options struct {
	Fleet *fleet.Fleet
	Git   history.Repository
	// Key is the run's own, nil where it has none.
	Key *seal.Key
	// Against is the commit to hold the fleet against; empty for HEAD and its parents.
	Against string
	// BeforeMerge means that the build after a merge is still to come.
	BeforeMerge bool
	// Looks reports whether the run only looks.
	Looks func() bool
	// Committed returns a file of the repo as it stands on disk, or nil.
	Committed func(file string) []byte
}

// Book has what is signed, and by whom.
type Book struct {
	Options
	// Keys are those of which a signature counts: without any, nothing is proven
	// and nothing asked for.
	Keys seal.PublicKeys
	// before are the statements with the highest serial in the commits before, by
	// cluster and path from the clusters folder.
	before map[string]map[string]lockfile.SealLock
}

// Open finds the keys that count and what the commits before have. A key
// that the commit before does not name counts from the next commit on: else
// whoever can write a statement could bring the key for it along.
func Open(ctx context.Context, o Options) (*Book, finding.List, error) {
	b := &Book{Options: o}
	named := seal.PublicKeys(b.Fleet.Spec.Sealing.PublicKeys())
	if b.Key != nil && len(named) > 0 && !named.Has(b.Key) {
		return b, finding.List{b.Fleet.Finding(finding.Error, RuleWrongKey, PublicKeyField,
			"the public half of "+seal.KeyEnv+" is not among the keys that fleet.yaml names: "+b.Key.Public(),
			"Set "+seal.KeyEnv+" to the fleet's key; if this one is to replace it, add its public half behind a comma.")}, nil
	}
	before := b.Git.Before(ctx, b.Against)
	now := anchors{fleet: b.Fleet, committed: b.Committed, keys: named}
	findings, err := now.held(ctx, before)
	b.Keys = now.keys
	if err != nil || len(b.Keys) == 0 {
		return b, findings, err
	}
	if before.Unknown != "" {
		findings = append(findings, b.Fleet.Finding(finding.Warning, RuleHistoryUnknown, PublicKeyField,
			"whether a sealed file was put back to an older one is not known: "+before.Unknown, ""))
	}
	return b, findings, b.statementsBefore(ctx, before)
}

// statementsBefore reads the locks of the commits before that are not the same
// today.
func (b *Book) statementsBefore(ctx context.Context, before history.Before) error {
	changed, err := before.Changed(ctx, history.Literal(b.Fleet.Dir)+"/*/"+layout.Lock)
	if err != nil {
		return err
	}
	b.before = map[string]map[string]lockfile.SealLock{}
	for _, files := range changed {
		for name, text := range files {
			lock, err := lockfile.Parse(text)
			if err != nil {
				continue // it was no lock then
			}
			cluster := path.Base(path.Dir(name))
			for p, statement := range lock.Sealed {
				if b.before[cluster] == nil {
					b.before[cluster] = map[string]lockfile.SealLock{}
				}
				if known, ok := b.before[cluster][p]; !ok || known.Serial < statement.Serial {
					b.before[cluster][p] = statement
				}
			}
		}
	}
	return nil
}

// RolledBack reports whether the lock has an older statement of any file than the
// commits before.
func (b *Book) RolledBack(cluster string, lock *lockfile.Lock) bool {
	for p, before := range b.before[cluster] {
		if lock == nil || lock.Sealed[p].Serial < before.Serial {
			return true
		}
	}
	return false
}

// inside returns a path from the clusters folder.
func (b *Book) inside(file string) string { return strings.TrimPrefix(file, b.Fleet.Dir+"/") }

// Before returns the statement about a file with the highest serial in the commits
// before.
func (b *Book) Before(cluster, file string) lockfile.SealLock {
	return b.before[cluster][b.inside(file)]
}

// Vouched returns what the lock says of a sealed file with the content data, and
// why that does not count; empty where it does, and where the fleet has no key.
func (b *Book) Vouched(cluster, file string, lock *lockfile.Lock, data []byte) (s lockfile.SealLock, why string) {
	if lock == nil || len(b.Keys) == 0 {
		return s, ""
	}
	s = lock.Sealed[b.inside(file)]
	verified := func(s lockfile.SealLock) bool {
		return b.Keys.Verify(seal.Statement{Cluster: cluster, Path: b.inside(file), Digest: manifest.Digest(data), Facts: s})
	}
	if old, ok := lock.ReplacedSealed[b.inside(file)]; ok && lock.Writing && verified(old) {
		s = old // it was not replaced yet when the run was cut off
	}
	switch {
	case s.Signature == "":
		return s, "it has no signature in " + layout.Of(b.Fleet.Dir, cluster).Lock()
	case !verified(s):
		return s, "the signature in " + layout.Of(b.Fleet.Dir, cluster).Lock() + " is not of this file by one of the fleet's keys"
	case s.Serial < b.before[cluster][b.inside(file)].Serial:
		return s, rolledBackText
	}
	return s, ""
}

const rolledBackText = "it was put back to an older one than the commit before has"

// Sign returns the statement about a file that this run has sealed with a certificate,
// which may be nil.
func (b *Book) Sign(cluster, file string, lock *lockfile.Lock, data []byte, certificate *seal.Certificate, facts lockfile.SealLock) lockfile.SealLock {
	facts.Serial = b.before[cluster][b.inside(file)].Serial
	if lock != nil {
		facts.Serial = max(facts.Serial, lock.Sealed[b.inside(file)].Serial)
	}
	facts.Serial++
	if certificate != nil {
		facts.Certificate = certificate.Fingerprint
	}
	return b.Key.Sign(seal.Statement{Cluster: cluster, Path: b.inside(file), Digest: manifest.Digest(data), Facts: facts})
}

// Signs reports whether this run signs what it seals.
func (b *Book) Signs() bool { return b.Key != nil && len(b.Fleet.Spec.Sealing.PublicKeys()) > 0 }

// ProveRendered returns the statements about the rendered files that hold sealed
// Secrets, which this run seals with the certificate. One that is as it was keeps its own, one that this run has sealed is
// signed; what is neither has no statement, and a finding.
func (b *Book) ProveRendered(c fleet.Cluster, lock *lockfile.Lock, certificate *seal.Certificate, sealed []string, files manifest.Set) (map[string]lockfile.SealLock, finding.List) {
	if len(b.Keys) == 0 {
		return map[string]lockfile.SealLock{}, nil
	}
	statements := map[string]lockfile.SealLock{}
	var findings finding.List
	for _, file := range sealed {
		data := files[file].Bytes
		same := bytes.Equal(data, b.Committed(file))
		statement, why := b.Vouched(c.Name, file, lock, data)
		switch {
		case same && why == "":
			statements[b.inside(file)] = statement
		case !same && b.Signs():
			statements[b.inside(file)] = b.Sign(c.Name, file, lock, data, certificate, lockfile.SealLock{Kind: lockfile.SealedRendered})
		case same || !b.Looks():
			if !same {
				why = "this run has no " + seal.KeyEnv + " to sign it with"
			}
			findings = append(findings, b.unsigned(c, file, why))
		}
	}
	return statements, findings
}

// Proven takes back what the stages could not tell of a sealed value where a
// signature proves it: nothing is left to say where the plaintext is known to be
// the same, and where no plaintext is at hand, a note.
func (b *Book) Proven(c fleet.Cluster, lock *lockfile.Lock, files manifest.Set, findings finding.List) finding.List {
	if len(b.Keys) == 0 {
		return findings
	}
	var kept finding.List
	for _, f := range findings {
		if f.Rule == seal.RuleUnverifiable && f.Severity != finding.Error {
			if _, why := b.Vouched(c.Name, f.File, lock, files[f.File].Bytes); why == "" {
				if f.Severity == finding.Note {
					continue
				}
				f.Severity, f.Message = finding.Note, f.Message+"; it is signed as it stands"
			}
		}
		kept = append(kept, f)
	}
	return kept
}

// unsigned returns the finding about a rendered file: before a merge, and for
// whoever builds without the key, a warning, as the build after the merge seals
// it anew and signs it.
func (b *Book) unsigned(c fleet.Cluster, file, why string) finding.Finding {
	f := finding.Finding{
		File: file, Cluster: c.Name, Rule: RuleUnsigned, Severity: finding.Error, Message: "the sealed file is not proven: " + why,
		Hint: "Run kasou build where " + seal.KeyEnv + " is, such as in CI on a push: it seals the file anew and signs it.",
	}
	if why == rolledBackText {
		f.Rule = RuleRollback
	}
	if !b.Looks() || b.BeforeMerge {
		f.Severity = finding.Warning
	}
	return f
}

// ProveRegistration says what is wrong with a registration whose file is as the
// lock has it: what check can compute it computes, and the rest is signed.
// It returns the statement about it, too.
func (b *Book) ProveRegistration(c fleet.Cluster, lock *lockfile.Lock, data []byte) (lockfile.SealLock, finding.List) {
	file := layout.Of(b.Fleet.Dir, c.Name).Registration()
	problem := func(rule finding.Rule, message, hint string) (lockfile.SealLock, finding.List) {
		return lockfile.SealLock{}, finding.List{{File: file, Cluster: c.Name, Rule: rule, Severity: finding.Error, Message: message, Hint: hint}}
	}
	if why := seal.NotOnly(data, b.Fleet.Spec.ArgoCD.Namespace, argocd.SecretName(c)); why != "" {
		return problem(RuleRegistrationForeign, why,
			"Restore it from git, or delete it and run kasou register "+c.Name+". Find out who put it there.")
	}
	statement, why := b.Vouched(c.Name, file, lock, data)
	switch {
	case why == rolledBackText:
		return problem(RuleRollback, "the sealed cluster Secret is not proven: "+why,
			"Restore it and "+c.Name+"/lock.yaml from git, or run kasou register "+c.Name+".")
	case why != "":
		return problem(RuleUnsigned, "the sealed cluster Secret is not proven: "+why,
			"Restore it and "+c.Name+"/lock.yaml from git, or run kasou register "+c.Name+" where "+seal.KeyEnv+" is. Whoever can seal can point Argo CD at another server: find out who wrote it.")
	case statement.Signature == "":
		return statement, nil // in a fleet without a key
	}
	if server, err := argocd.ClusterServer(c); err == nil && server != statement.Server {
		return statement, finding.List{c.Finding(finding.Error, RuleStaleServer, []string{"spec", "server"},
			fmt.Sprintf("Argo CD's sealed cluster Secret has the server %s, and the spec wants %s", statement.Server, server),
			"Run kasou register "+c.Name+".")}
	}
	if spec, err := argocd.SpecDigest(b.Fleet, c); err == nil && spec != statement.Spec {
		return statement, finding.List{c.Finding(finding.Error, RuleStaleSecret, []string{"spec", "argocd", "cluster"},
			"Argo CD's sealed cluster Secret has other namespaces, or another project, than the spec wants",
			"Run kasou register "+c.Name+".")}
	}
	return statement, nil
}

// MissingRegistration returns a finding where the commit before has a
// registration that the lock does not.
func (b *Book) MissingRegistration(c fleet.Cluster, lock *lockfile.Lock) finding.List {
	file := layout.Of(b.Fleet.Dir, c.Name).Registration()
	before, had := b.before[c.Name][b.inside(file)]
	if !had || len(b.Keys) == 0 || lock != nil && lock.Sealed[b.inside(file)].Serial >= before.Serial {
		return nil
	}
	return finding.List{{
		File: file, Cluster: c.Name, Rule: RuleRollback, Severity: finding.Error,
		Message: "the commit before has a sealed cluster Secret, and " + layout.Of(b.Fleet.Dir, c.Name).Lock() + " does not any more: Argo CD would lose the cluster",
		Hint:    "Restore it and " + c.Name + "/lock.yaml from git, or run kasou register " + c.Name + ".",
	}}
}

// Unproven notes once that nothing proves what is sealed, where anything is.
func (b *Book) Unproven() finding.List {
	if len(b.Fleet.Spec.Sealing.PublicKeys()) > 0 {
		return nil
	}
	hint := "Run kasou lock --seal-key, and write what it shows into fleet.yaml and into CI's secrets."
	if b.Key != nil {
		hint = "Write sealing.publicKey: " + b.Key.Public() + " into fleet.yaml."
	}
	return finding.List{b.Fleet.Finding(finding.Note, RuleUnproven, []string{"spec", "sealing"},
		"sealed values are not proven: whoever can write to git can replace them, and no check sees it", hint)}
}
