package pipelines

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

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

var publicKeyField = []string{"spec", "sealing", "publicKey"}

// trust says what of the sealed files is proven.
type trust struct {
	// keys are those of which a signature counts: without any, nothing is proven
	// and nothing asked for.
	keys seal.PublicKeys
	// before are the statements with the highest serial in the commits before, by
	// cluster and path from the clusters folder.
	before map[string]map[string]lockfile.SealLock
}

// openTrust finds the keys that count and what the commits before have. A key
// that the commit before does not name counts from the next commit on: else
// whoever can write a statement could bring the key for it along.
func (r *run) openTrust(ctx context.Context) (finding.List, error) {
	named := seal.PublicKeys(r.fleet.Spec.Sealing.PublicKeys())
	if r.key != nil && len(named) > 0 && !named.Has(r.key) {
		return finding.List{r.fleet.Finding(finding.Error, RuleWrongKey, publicKeyField,
			"the public half of "+seal.KeyEnv+" is not among the keys that fleet.yaml names: "+r.key.Public(),
			"set "+seal.KeyEnv+" to the fleet's key; if this one is to replace it, add its public half behind a comma")}, nil
	}
	r.trust.keys = named
	before, err := history.Find(ctx, r.Root, r.Against)
	if err != nil {
		return nil, err
	}
	findings, err := r.keysBefore(ctx, before)
	if err != nil || len(r.trust.keys) == 0 {
		return findings, err
	}
	if before.Unknown != "" {
		findings = append(findings, r.fleet.Finding(finding.Warning, RuleHistoryUnknown, publicKeyField,
			"whether a sealed file was put back to an older one is not known: "+before.Unknown, ""))
	}
	return findings, r.statementsBefore(ctx, before)
}

// keysBefore leaves out the keys that the commits before do not name.
func (r *run) keysBefore(ctx context.Context, before history.Before) (finding.List, error) {
	changed, err := before.Changed(ctx, history.Literal(r.fleet.File))
	if err != nil {
		return nil, err
	}
	var findings finding.List
	for _, files := range changed {
		text, ok := files[r.fleet.File]
		if !ok {
			continue
		}
		old := seal.PublicKeys(fleet.PublicKeysIn(text))
		if len(old) == 0 {
			continue // the first key
		}
		kept := slices.DeleteFunc(slices.Clone(r.trust.keys), func(k ed25519.PublicKey) bool {
			return !slices.ContainsFunc(old, func(o ed25519.PublicKey) bool { return bytes.Equal(o, k) })
		})
		switch {
		case len(kept) == 0:
			return finding.List{r.fleet.Finding(finding.Error, RuleNewPublicKey, publicKeyField,
				"none of the public keys of the commit before is named any more: nothing that is sealed would be proven",
				"Add the new key behind a comma, commit, seal and register anew with it, and take the old one out in a later commit.")}, nil
		case len(kept) < len(r.trust.keys):
			findings = finding.List{r.fleet.Finding(finding.Warning, RuleNewPublicKey, publicKeyField,
				"a public key is new: whoever has its other half can sign registrations once this is merged",
				"Look who made it. Its signatures count from the next commit on.")}
			r.trust.keys = kept
		}
	}
	return findings, nil
}

// statementsBefore reads the locks of the commits before that are not the same
// today.
func (r *run) statementsBefore(ctx context.Context, before history.Before) error {
	changed, err := before.Changed(ctx, history.Literal(r.Dir)+"/*/"+layout.Lock)
	if err != nil {
		return err
	}
	r.trust.before = map[string]map[string]lockfile.SealLock{}
	for _, files := range changed {
		for name, text := range files {
			lock, err := lockfile.Parse(text)
			if err != nil {
				continue // it was no lock then
			}
			cluster := path.Base(path.Dir(name))
			for p, statement := range lock.Sealed {
				if r.trust.before[cluster] == nil {
					r.trust.before[cluster] = map[string]lockfile.SealLock{}
				}
				if known, ok := r.trust.before[cluster][p]; !ok || known.Serial < statement.Serial {
					r.trust.before[cluster][p] = statement
				}
			}
		}
	}
	return nil
}

// rolledBack reports whether the lock has an older statement of any file than the
// commits before.
func (r *run) rolledBack(cluster string, lock *lockfile.Lock) bool {
	for p, before := range r.trust.before[cluster] {
		if lock == nil || lock.Sealed[p].Serial < before.Serial {
			return true
		}
	}
	return false
}

// lockFile returns the path of a cluster's lock from the repo's root.
func (r *run) lockFile(cluster string) string { return layout.Of(r.Dir, cluster).Lock() }

// inside returns a path from the clusters folder.
func (r *run) inside(file string) string { return strings.TrimPrefix(file, r.Dir+"/") }

// vouched returns what the lock says of a sealed file with the content data, and
// why that does not count; empty where it does, and where the fleet has no key.
func (r *run) vouched(cluster, file string, lock *lockfile.Lock, data []byte) (s lockfile.SealLock, why string) {
	if lock == nil || len(r.trust.keys) == 0 {
		return s, ""
	}
	s = lock.Sealed[r.inside(file)]
	verified := func(s lockfile.SealLock) bool {
		return r.trust.keys.Verify(seal.Statement{Cluster: cluster, Path: r.inside(file), Digest: manifest.Digest(data), Facts: s})
	}
	if old, ok := lock.ReplacedSealed[r.inside(file)]; ok && lock.Writing && verified(old) {
		s = old // it was not replaced yet when the run was cut off
	}
	switch {
	case s.Signature == "":
		return s, "it has no signature in " + r.lockFile(cluster)
	case !verified(s):
		return s, "the signature in " + r.lockFile(cluster) + " is not of this file by one of the fleet's keys"
	case s.Serial < r.trust.before[cluster][r.inside(file)].Serial:
		return s, rolledBackText
	}
	return s, ""
}

const rolledBackText = "it was put back to an older one than the commit before has"

// sign returns the statement about a file that this run has sealed.
func (r *run) sign(cluster, file string, lock *lockfile.Lock, data []byte, facts lockfile.SealLock) lockfile.SealLock {
	facts.Serial = r.trust.before[cluster][r.inside(file)].Serial
	if lock != nil {
		facts.Serial = max(facts.Serial, lock.Sealed[r.inside(file)].Serial)
	}
	facts.Serial++
	if r.certificate != nil {
		facts.Certificate = r.certificate.Fingerprint
	}
	return r.key.Sign(seal.Statement{Cluster: cluster, Path: r.inside(file), Digest: manifest.Digest(data), Facts: facts})
}

// signs reports whether this run signs what it seals.
func (r *run) signs() bool { return r.key != nil && len(r.fleet.Spec.Sealing.PublicKeys()) > 0 }

// proveRendered returns the statements about the rendered files that hold sealed
// Secrets. One that is as it was keeps its own, one that this run has sealed is
// signed; what is neither has no statement, and a finding.
func (r *run) proveRendered(c fleet.Cluster, lock *lockfile.Lock, sealed []string, files manifest.Set) (map[string]lockfile.SealLock, finding.List) {
	if len(r.trust.keys) == 0 {
		return map[string]lockfile.SealLock{}, nil
	}
	statements := map[string]lockfile.SealLock{}
	var findings finding.List
	for _, file := range sealed {
		data := files[file].Bytes
		same := bytes.Equal(data, r.committed(file))
		statement, why := r.vouched(c.Name, file, lock, data)
		switch {
		case same && why == "":
			statements[r.inside(file)] = statement
		case !same && r.signs():
			statements[r.inside(file)] = r.sign(c.Name, file, lock, data, lockfile.SealLock{Kind: lockfile.SealedRendered})
		case same || !r.onlyLooks:
			if !same {
				why = "this run has no " + seal.KeyEnv + " to sign it with"
			}
			findings = append(findings, r.unsigned(c, file, why))
		}
	}
	return statements, findings
}

// proven takes back what the stages could not tell of a sealed value where a
// signature proves it: nothing is left to say where the plaintext is known to be
// the same, and where no plaintext is at hand, a note.
func (r *run) proven(c fleet.Cluster, lock *lockfile.Lock, files manifest.Set, findings finding.List) finding.List {
	if len(r.trust.keys) == 0 {
		return findings
	}
	var kept finding.List
	for _, f := range findings {
		if f.Rule == seal.RuleUnverifiable && f.Severity != finding.Error {
			if _, why := r.vouched(c.Name, f.File, lock, files[f.File].Bytes); why == "" {
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
func (r *run) unsigned(c fleet.Cluster, file, why string) finding.Finding {
	f := finding.Finding{
		File: file, Cluster: c.Name, Rule: RuleUnsigned, Severity: finding.Error, Message: "the sealed file is not proven: " + why,
		Hint: "Run kasou build where " + seal.KeyEnv + " is, such as in CI on a push: it seals the file anew and signs it.",
	}
	if why == rolledBackText {
		f.Rule = RuleRollback
	}
	if !r.onlyLooks || r.BeforeMerge {
		f.Severity = finding.Warning
	}
	return f
}

// proveRegistration says what is wrong with a registration whose file is as the
// lock has it: what check can compute it computes, and the rest is signed.
// It returns the statement about it, too.
func (r *run) proveRegistration(c fleet.Cluster, lock *lockfile.Lock, data []byte) (lockfile.SealLock, finding.List) {
	file := r.registration(c.Name)
	problem := func(rule finding.Rule, message, hint string) (lockfile.SealLock, finding.List) {
		return lockfile.SealLock{}, finding.List{{File: file, Cluster: c.Name, Rule: rule, Severity: finding.Error, Message: message, Hint: hint}}
	}
	if why := seal.NotOnly(data, r.fleet.Spec.ArgoCD.Namespace, argocd.SecretName(c)); why != "" {
		return problem(RuleRegistrationForeign, why,
			"Restore it from git, or delete it and run kasou register "+c.Name+". Find out who put it there.")
	}
	statement, why := r.vouched(c.Name, file, lock, data)
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
	if spec, err := argocd.SpecDigest(r.fleet, c); err == nil && spec != statement.Spec {
		return statement, finding.List{c.Finding(finding.Error, RuleStaleSecret, []string{"spec", "argocd", "cluster"},
			"Argo CD's sealed cluster Secret has other namespaces, or another project, than the spec wants",
			"Run kasou register "+c.Name+".")}
	}
	return statement, nil
}

// missingRegistration returns a finding where the commit before has a
// registration that the lock does not.
func (r *run) missingRegistration(c fleet.Cluster, lock *lockfile.Lock) finding.List {
	file := r.registration(c.Name)
	before, had := r.trust.before[c.Name][r.inside(file)]
	if !had || len(r.trust.keys) == 0 || lock != nil && lock.Sealed[r.inside(file)].Serial >= before.Serial {
		return nil
	}
	return finding.List{{
		File: file, Cluster: c.Name, Rule: RuleRollback, Severity: finding.Error,
		Message: "the commit before has a sealed cluster Secret, and " + r.lockFile(c.Name) + " does not any more: Argo CD would lose the cluster",
		Hint:    "Restore it and " + c.Name + "/lock.yaml from git, or run kasou register " + c.Name + ".",
	}}
}

// sayUnproven notes once that nothing proves what is sealed, where anything is.
func (r *run) sayUnproven() finding.List {
	if len(r.fleet.Spec.Sealing.PublicKeys()) > 0 || !r.sealedAny.Load() {
		return nil
	}
	hint := "Run kasou lock --seal-key, and write what it shows into fleet.yaml and into CI's secrets."
	if r.key != nil {
		hint = "Write sealing.publicKey: " + r.key.Public() + " into fleet.yaml."
	}
	return finding.List{r.fleet.Finding(finding.Note, RuleUnproven, []string{"spec", "sealing"},
		"sealed values are not proven: whoever can write to git can replace them, and no check sees it", hint)}
}

// statedEnd returns when a credential ends as a statement has it.
func statedEnd(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamped(t)
}
