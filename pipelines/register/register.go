// Package register brings a cluster's credential from the host, sealed, into the Argo CD
// cluster Secret that git has, and keeps that true.
package register

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"kasou/pipelines/argocd"
	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
	"kasou/pipelines/vcluster"
	"kasou/pipelines/workspace"
)

const (
	// RuleNoServer: a cluster that Argo CD has no address for.
	RuleNoServer finding.Rule = "register-no-server"
	// RuleRegistrationEdited: the sealed cluster Secret is not as register wrote
	// it.
	RuleRegistrationEdited finding.Rule = "register-edited"
	// RuleHostServer: the server is the host's own API server.
	RuleHostServer finding.Rule = "register-host-server"
	// RuleNewIdentity: the host presents another cluster than was registered.
	RuleNewIdentity finding.Rule = "register-new-identity"
	// RuleNoSealKey: a fleet with a public key, and no KASOU_SEAL_KEY to sign with.
	RuleNoSealKey finding.Rule = "register-no-seal-key"
	// RuleGuardUnsigned: the registration's guards have to change, and the run has
	// no KASOU_SEAL_KEY to sign it with.
	RuleGuardUnsigned finding.Rule = "register-guard-unsigned"
	// RuleStaleMetadata: the registration has other labels or annotations than the
	// spec wants, and this run cannot change them.
	RuleStaleMetadata finding.Rule = "register-stale-metadata"
	// RuleRegistrationMissing: the lock has a sealed cluster Secret that is not
	// there.
	RuleRegistrationMissing finding.Rule = "register-missing"
)

// Source says where kubeconfigs come from.
type Source struct {
	// Kubeconfig is the one of the single cluster in Options.Names, and From
	// says where it comes from; nil to ask each cluster's host.
	Kubeconfig []byte
	From       string
	// Reseal seals anew even where nothing has changed.
	Reseal bool
	// AcceptNewIdentity takes a kubeconfig with another CA, or of another server,
	// than the registered one.
	AcceptNewIdentity bool
}

// Registrar registers clusters.
type Registrar struct{ *workspace.Workspace }

// Cluster seals the credential of one cluster into its cluster Secret, and writes it
// where anything has changed. A cluster that has not booted yet is a note.
func (r Registrar) Cluster(ctx context.Context, c fleet.Cluster, from Source) (o workspace.Outcome) {
	o.Cluster = c.Name
	keep := func(found finding.List, err error) bool { return o.Keep(ctx, found, err) }
	at, asked, err := r.ask(c, from)
	if !keep(nil, err) {
		return o
	}
	cred, found, err := r.Credential(ctx, c, asked, from)
	if !keep(found, r.Hosts.By(at, at.Note(err))) || cred == nil {
		return o
	}
	if h, err := at.Open(); err == nil && h.HasAsOwn(cred.Server, cred.CAData) {
		keep(finding.List{c.Finding(finding.Error, RuleHostServer, []string{"metadata", "name"},
			"the kubeconfig is the host cluster's own: Argo CD would get the rights on the host that are in it",
			"Give that of the virtual cluster: vcluster connect "+c.Name+" --print.")}, nil)
		return o
	}
	lock, found, err := tree.ReadLock(r.Disk, c.Name)
	if !keep(found, err) {
		return o
	}
	if asked != nil && asked.IsItself(ctx, c.Spec.Server) {
		keep(finding.List{c.Finding(finding.Error, RuleHostServer, []string{"spec", "server"},
			"the server is the host cluster's own API server: Argo CD would send the virtual cluster's credential, and its Applications, there",
			"Write the URL of the virtual cluster's API server into spec.server.")}, nil)
		return o
	}
	if !from.AcceptNewIdentity && !keep(r.SameIdentity(c, *cred, lock), nil) {
		return o
	}
	// It is told besides: the credential is as good as before.
	defer func() { o.Findings = append(o.Findings, at.ServiceRange.Moved(ctx, c, lock, asked)...) }()
	data, statement, found, err := r.sealCredential(ctx, c, *cred, lock, from.Reseal)
	if !keep(found, err) {
		return o
	}
	o.Plan, found, err = tree.Put(ctx, r.Disk, c.Name, r.Paths(c.Name).Registration(), data, statement)
	if !keep(found, err) || o.Plan.Empty() {
		return o
	}
	o.Reasons = []report.Reason{{Cause: report.CredentialChanged}}
	r.Write(ctx, &o)
	return o
}

// SameIdentity returns an error where the kubeconfig is of another cluster, to
// all that Argo CD could tell, than the registered one: it has another CA, or
// says that it is reached at another server. A rotated credential has the same.
func (r Registrar) SameIdentity(c fleet.Cluster, cred credential.Credential, lock *lockfile.Lock) finding.List {
	file := r.Inside(r.Paths(c.Name).Registration())
	known := r.Trust.Before(c.Name, r.Paths(c.Name).Registration())
	if lock != nil && lock.Sealed[file].Signature != "" {
		known = lock.Sealed[file]
	}
	if known.Signature == "" {
		return nil
	}
	var what string
	server, _ := argocd.ClusterServer(c)
	switch {
	case seal.FingerprintCA(cred.CAData) != known.CA:
		what = "its CA is another one than was registered"
	case known.Presented != cred.Server && cred.Server != server && cred.Server != known.Server:
		what = "it says that it is reached at " + cred.Server + ", and the registered one said " + cmp.Or(known.Presented, "nothing")
	default:
		return nil
	}
	return finding.List{c.Finding(finding.Error, RuleNewIdentity, []string{"metadata", "name"},
		"the host presents another cluster: "+what,
		"Find out why: whoever controls the host's Secret vc-"+c.Name+" could send Argo CD to a cluster of their own. If the cluster was made anew, run kasou register "+c.Name+" --accept-new-identity.")}
}

// ask returns the cluster's host; no *host.Host where the kubeconfig was given.
func (r Registrar) ask(c fleet.Cluster, from Source) (*workspace.Asked, *host.Host, error) {
	at := r.Hosts.Of(c)
	if from.Kubeconfig != nil {
		return at, nil, nil
	}
	if lost := at.Lost(); lost != nil {
		return at, nil, r.Hosts.By(at, lost)
	}
	asked, err := at.Open()
	if err != nil {
		at.Lose(err)
	}
	return at, asked, r.Hosts.By(at, err)
}

// Credential returns the cluster's credential, which its host has unless from does,
// checked; nil where there is none yet.
func (r Registrar) Credential(ctx context.Context, c fleet.Cluster, asked *host.Host, from Source) (*credential.Credential, finding.List, error) {
	if c.Spec.Server == "" {
		return nil, finding.List{c.Finding(finding.Error, RuleNoServer, []string{"spec", "server"},
			"Argo CD has no address for the cluster: there is neither server nor an endpoint",
			"Write the https URL of its API server into spec.server.")}, nil
	}
	data, source := from.Kubeconfig, from.From
	if data == nil {
		k, err := host.ReadKubeconfig(ctx, asked, host.KubeconfigRequest{
			Namespace: c.Spec.Namespace, Name: c.Name, Exec: vcluster.HasPod(c.Spec.Chart.Name),
		})
		if err != nil || k.State != host.Ready {
			return nil, k.Findings(c), err
		}
		data, source = k.Data, k.Source
	}
	cred, found := credential.Parse(data, time.Now())
	return &cred, credential.Place(c, source, found), nil
}

// sealCredential returns the file with the sealed cluster Secret, validated, and
// the statement about it.
func (r Registrar) sealCredential(ctx context.Context, c fleet.Cluster, cred credential.Credential, lock *lockfile.Lock, reseal bool) ([]byte, *lockfile.SealLock, finding.List, error) {
	secret, findings := argocd.ClusterSecret(r.Fleet, c, cred)
	if findings.Failed() {
		return nil, nil, findings, nil
	}
	file := r.Paths(c.Name).Registration()
	previous := r.Committed(file)
	sealed, found, err := workspace.RegistrationSealer(r.Workspace, c, lock, func(o *seal.Options) { o.Reseal = reseal }).Secret(ctx, seal.Request{
		Cluster: c, Path: file, Secret: secret, Own: argocd.RegistrationGuards(c), Entropy: Entropy(cred),
		Previous: previous, Recorded: lock.Recorded(r.Inside(file)), NotAfter: cred.NotAfter,
	})
	findings = append(findings, found...)
	if sealed.Decision.Outcome == seal.Unverifiable {
		findings = append(findings, c.Finding(finding.Error, RuleNoSealKey, []string{"metadata", "name"},
			"whether the registered credential is still the same is not known: it was sealed with a "+seal.KeyEnv+" that this run does not have",
			"Set "+seal.KeyEnv+", or seal the credential anew without it: kasou register "+c.Name+" --reseal."))
	}
	if err != nil || findings.Failed() {
		return nil, nil, findings, err
	}
	data := tree.Stamp(c.File, sealed.Document)
	if sealed.Decision.Outcome == seal.Keep && !sealed.Retagged {
		data = previous
	}
	found, err = r.Conform(ctx, c, manifest.Set{file: manifest.Parse(manifest.Registration, file, data)})
	findings = append(findings, found...)
	if !r.Trust.Signs() || err != nil || findings.Failed() {
		return data, nil, findings, err
	}
	statement, why := r.Trust.Vouched(c.Name, file, lock, data)
	if why != "" {
		if bytes.Equal(data, previous) {
			return nil, nil, findings, fmt.Errorf("%s: it is not signed, and was not sealed anew", file)
		}
		server, _ := argocd.ClusterServer(c)
		spec, err := argocd.SpecDigest(r.Fleet, c)
		if err != nil {
			return nil, nil, findings, err
		}
		statement = r.Trust.Sign(c.Name, file, lock, data, r.Certificates.ArgoCD(), lockfile.SealLock{
			Kind: lockfile.SealedRegistration, Server: server, Presented: cred.Server, Spec: spec,
			CA: seal.FingerprintCA(cred.CAData), NotAfter: statedEnd(cred.NotAfter),
		})
	}
	return data, &statement, findings, nil
}

// Entropy declares to seal what can be seen of a credential.
func Entropy(cred credential.Credential) seal.Entropy {
	if cred.Strong() {
		return seal.Strong
	}
	return seal.Guessable
}

// Keep puts the sealed cluster Secret that the lock records among
// the files of a build, which cannot make it anew. One that was edited or
// deleted is a finding that register mends.
func (r Registrar) Keep(c fleet.Cluster, lock *lockfile.Lock, files manifest.Set, sealed map[string]lockfile.SealLock) finding.List {
	file := r.Paths(c.Name).Registration()
	recorded := lock.Recorded(r.Inside(file))
	if recorded == "" {
		return r.Trust.MissingRegistration(c, lock)
	}
	data := r.Committed(file)
	if data == nil && lock.Writing {
		return nil // a first registration was cut off
	}
	problem := finding.Finding{File: file, Cluster: c.Name, Severity: finding.Error}
	switch {
	case data == nil:
		problem.Rule, problem.Message = RuleRegistrationMissing, "the sealed cluster Secret that the lock records is not there"
		problem.Hint = "Restore it from git, or run kasou register " + c.Name + "."
		return finding.List{problem}
	case !lock.Claims(r.Inside(file), data):
		problem.Rule, problem.Message = RuleRegistrationEdited, "the sealed cluster Secret is not the one that kasou register wrote and "+r.Paths(c.Name).Lock()+" records"
		problem.Hint = "Restore it from git, or run kasou register " + c.Name + ". Whoever can seal can point Argo CD at another server: find out who edited it."
		return finding.List{problem}
	}
	statement, found := r.Trust.ProveRegistration(c, lock, data)
	if !found.Failed() {
		var guard finding.List
		data, statement, guard = r.refresh(c, lock, data, statement)
		found = append(found, guard...)
	}
	if statement.Signature != "" {
		sealed[r.Inside(file)] = statement
	}
	files.Add(manifest.Registration, file, data)
	return found
}

// refresh returns the registration with the guards, labels and
// annotations that the spec asks for now, and the statement about it. Nothing that
// is sealed changes, so this needs no credential. In a fleet that signs, and for
// the labels and annotations, it needs the key: without it the file stays, and the
// next build that has the key changes it.
func (r Registrar) refresh(c fleet.Cluster, lock *lockfile.Lock, data []byte, statement lockfile.SealLock) ([]byte, lockfile.SealLock, finding.List) {
	file := r.Paths(c.Name).Registration()
	secret, err := argocd.OpenClusterSecret(r.Fleet, c)
	if err != nil {
		return data, statement, nil // the spec has a finding already
	}
	document, err := workspace.RegistrationSealer(r.Workspace, c, lock).Refresh(seal.Request{
		Cluster: c, Path: file, Secret: secret, Own: argocd.RegistrationGuards(c), Previous: data,
	})
	switch {
	case errors.Is(err, seal.ErrNotProven):
		return data, statement, finding.List{r.staleMetadata(c)}
	case err != nil || document == nil:
		return data, statement, nil // what cannot be read has a finding already
	}
	refreshed := tree.Stamp(c.File, document)
	switch {
	case len(r.Trust.Keys) == 0:
		return refreshed, statement, nil
	case r.Trust.Signs():
		facts := statement
		facts.Serial++
		return refreshed, r.Key.Sign(seal.Statement{Cluster: c.Name, Path: r.Inside(file), Digest: manifest.Digest(refreshed), Facts: facts}), nil
	}
	return data, statement, finding.List{{
		File: file, Cluster: c.Name, Rule: RuleGuardUnsigned, Severity: finding.Warning,
		Message: "the guards of the sealed cluster Secret are not those that the spec asks for, and there is no " + seal.KeyEnv + " to sign it with others",
		Hint:    "Run kasou build where " + seal.KeyEnv + " is, such as in CI on a push.",
	}}
}

// staleMetadata returns the finding about labels and annotations that this run
// cannot change: before a merge, and for whoever builds without the key, a warning,
// as the build after the merge has it.
func (r Registrar) staleMetadata(c fleet.Cluster) finding.Finding {
	f := c.Finding(finding.Error, RuleStaleMetadata, []string{"spec", "argocd", "cluster"},
		"Argo CD's sealed cluster Secret has other labels or annotations than the spec wants", "Run kasou register "+c.Name+".")
	if r.Key == nil && len(r.Trust.Keys) > 0 {
		f.Hint = "Run kasou build where " + seal.KeyEnv + " is, such as in CI on a push."
		if !r.OnlyLooks || r.BeforeMerge {
			f.Severity = finding.Warning
		}
	}
	return f
}

// statedEnd returns when a credential ends as a statement has it.
func statedEnd(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
