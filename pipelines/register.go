package pipelines

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"kasou/pipelines/argocd"
	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
	"kasou/pipelines/vcluster"
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

// Registration says where Register takes kubeconfigs from.
type Registration struct {
	// Kubeconfig is the one of the single cluster in Options.Names, and Source
	// says where it comes from; nil to ask Host.
	Kubeconfig []byte
	Source     string
	// Host is the host cluster; nil where Kubeconfig is given.
	Host *host.Host
	// Reseal seals anew even where nothing has changed.
	Reseal bool
	// AcceptNewIdentity takes a kubeconfig with another CA, or of another server,
	// than the registered one.
	AcceptNewIdentity bool
}

// Register seals each cluster's credential into the Argo CD cluster Secret
// DIR/root/NAME.cluster.yaml. Where nothing has changed it writes nothing. A
// cluster that has not booted yet is a note.
func Register(ctx context.Context, o Options, from Registration) (*report.Report, error) {
	out := &report.Report{Command: "register", DryRun: o.DryRun}
	if err := o.sweep(ctx); err != nil {
		return nil, err
	}
	r, findings, err := start(ctx, o)
	out.Findings = findings
	if err != nil || r == nil {
		return sorted(out), err
	}
	defer r.close()
	if r.key == nil && len(r.trust.keys) > 0 {
		out.Findings = append(out.Findings, r.fleet.Finding(finding.Error, RuleNoSealKey, publicKeyField,
			"a registration has to be signed, and there is no "+seal.KeyEnv, "Run kasou register where "+seal.KeyEnv+" is, such as in CI."))
		return sorted(out), nil
	}
	r.forAll(ctx, out, o.Jobs, func(ctx context.Context, c fleet.Cluster) written { return r.register(ctx, c, from) })
	return sorted(out), ctx.Err()
}

// registration is where a cluster's sealed cluster Secret stands, from the
// repo's root.
func (r *run) registration(cluster string) string {
	return layout.Of(r.Dir, cluster).Registration()
}

func (r *run) register(ctx context.Context, c fleet.Cluster, from Registration) (w written) {
	w = written{outcome: outcome{cluster: c.Name}}
	ctx = toolchain.WithCluster(ctx, c.Name)
	keep := func(found finding.List, err error) bool {
		w.findings, w.err = append(w.findings, found...), err
		return w.usable() && ctx.Err() == nil
	}
	if lost := r.host.open(); lost != nil && from.Kubeconfig == nil {
		w.err = lost
		return w
	}
	cred, found, err := r.credential(ctx, c, from)
	if !keep(found, r.host.note(err)) || cred == nil {
		return w
	}
	lock, found, err := r.disk.ReadLock(c.Name)
	if !keep(found, err) {
		return w
	}
	if from.Host != nil && from.Host.IsItself(ctx, c.Spec.Server) {
		keep(finding.List{c.Finding(finding.Error, RuleHostServer, []string{"spec", "server"},
			"the server is the host cluster's own API server: Argo CD would send the virtual cluster's credential, and its Applications, there",
			"Write the URL of the virtual cluster's API server into spec.server.")}, nil)
		return w
	}
	if !from.AcceptNewIdentity && !keep(r.sameIdentity(c, *cred, lock), nil) {
		return w
	}
	// It is told besides: the credential is as good as before.
	defer func() { w.findings = append(w.findings, r.serviceRange.moved(ctx, c, lock, from.Host)...) }()
	data, statement, found, err := r.sealCredential(ctx, c, *cred, lock, from.Reseal)
	if !keep(found, err) {
		return w
	}
	w.plan, found, err = r.disk.Put(ctx, c.Name, r.registration(c.Name), data, statement)
	if !keep(found, err) || w.plan.Empty() {
		return w
	}
	w.reasons = []report.Reason{{Cause: report.CredentialChanged}}
	r.write(ctx, &w)
	return w
}

// sameIdentity returns an error where the kubeconfig is of another cluster, to
// all that Argo CD could tell, than the registered one: it has another CA, or
// says that it is reached at another server. A rotated credential has the same.
func (r *run) sameIdentity(c fleet.Cluster, cred credential.Credential, lock *lockfile.Lock) finding.List {
	file := r.inside(r.registration(c.Name))
	known := r.trust.before[c.Name][file]
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

// credential gives the cluster's credential, checked; nil where there is none
// yet.
func (r *run) credential(ctx context.Context, c fleet.Cluster, from Registration) (*credential.Credential, finding.List, error) {
	if c.Spec.Server == "" {
		return nil, finding.List{c.Finding(finding.Error, RuleNoServer, []string{"spec", "server"},
			"Argo CD has no address for the cluster: there is neither server nor an ingress",
			"Write the https URL of its API server into spec.server.")}, nil
	}
	data, source := from.Kubeconfig, from.Source
	if data == nil {
		k, err := from.Host.Kubeconfig(ctx, host.KubeconfigRequest{
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
func (r *run) sealCredential(ctx context.Context, c fleet.Cluster, cred credential.Credential, lock *lockfile.Lock, reseal bool) ([]byte, *lockfile.SealLock, finding.List, error) {
	secret, findings := argocd.ClusterSecret(r.fleet, c, cred)
	if findings.Failed() {
		return nil, nil, findings, nil
	}
	file := r.registration(c.Name)
	previous := r.committed(file)
	sealed, found, err := r.sealer(c.Name, lock, reseal, nil).Secret(ctx, seal.Request{
		Cluster: c, Path: file, Secret: secret, Own: argocd.RegistrationGuards(c), Entropy: entropyOf(cred),
		Previous: previous, Recorded: r.recorded(lock)(file), NotAfter: cred.NotAfter,
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
	r.sealedAny.Store(true)
	data := tree.Stamp(c.File, sealed.Document)
	if sealed.Decision.Outcome == seal.Keep && !sealed.Retagged {
		data = previous
	}
	found, err = r.conform(ctx, c, manifest.Set{file: manifest.Parse(manifest.Registration, file, data)})
	findings = append(findings, found...)
	if !r.signs() || err != nil || findings.Failed() {
		return data, nil, findings, err
	}
	statement, why := r.vouched(c.Name, file, lock, data)
	if why != "" {
		if bytes.Equal(data, previous) {
			return nil, nil, findings, fmt.Errorf("%s: it is not signed, and was not sealed anew", file)
		}
		server, _ := argocd.ClusterServer(c)
		spec, err := argocd.SpecDigest(r.fleet, c)
		if err != nil {
			return nil, nil, findings, err
		}
		statement = r.sign(c.Name, file, lock, data, lockfile.SealLock{
			Kind: lockfile.SealedRegistration, Server: server, Presented: cred.Server, Spec: spec,
			CA: seal.FingerprintCA(cred.CAData), NotAfter: statedEnd(cred.NotAfter),
		})
	}
	return data, &statement, findings, nil
}

// entropyOf declares to seal what can be seen of a credential.
func entropyOf(cred credential.Credential) seal.Entropy {
	if cred.Strong() {
		return seal.Strong
	}
	return seal.Guessable
}

// keepRegistration puts the sealed cluster Secret that the lock records among
// the files of a build, which cannot make it anew. One that was edited or
// deleted is a finding that register mends.
func (r *run) keepRegistration(c fleet.Cluster, lock *lockfile.Lock, files manifest.Set, sealed map[string]lockfile.SealLock) finding.List {
	file := r.registration(c.Name)
	recorded := r.recorded(lock)(file)
	if recorded == "" {
		return r.missingRegistration(c, lock)
	}
	data := r.committed(file)
	if data == nil && lock.Writing {
		return nil // a first registration was cut off
	}
	problem := finding.Finding{File: file, Cluster: c.Name, Severity: finding.Error}
	switch {
	case data == nil:
		problem.Rule, problem.Message = RuleRegistrationMissing, "the sealed cluster Secret that the lock records is not there"
		problem.Hint = "Restore it from git, or run kasou register " + c.Name + "."
		return finding.List{problem}
	case !lock.Claims(strings.TrimPrefix(file, r.Dir+"/"), data):
		problem.Rule, problem.Message = RuleRegistrationEdited, "the sealed cluster Secret is not the one that kasou register wrote and "+r.lockFile(c.Name)+" records"
		problem.Hint = "Restore it from git, or run kasou register " + c.Name + ". Whoever can seal can point Argo CD at another server: find out who edited it."
		return finding.List{problem}
	}
	statement, found := r.proveRegistration(c, lock, data)
	if !found.Failed() {
		var guard finding.List
		data, statement, guard = r.refreshRegistration(c, lock, data, statement)
		found = append(found, guard...)
	}
	if statement.Signature != "" {
		sealed[r.inside(file)] = statement
	}
	files.Add(manifest.Registration, file, data)
	return found
}

// refreshRegistration returns the registration with the guards, labels and
// annotations that the spec asks for now, and the statement about it. Nothing that
// is sealed changes, so this needs no credential. In a fleet that signs, and for
// the labels and annotations, it needs the key: without it the file stays, and the
// next build that has the key changes it.
func (r *run) refreshRegistration(c fleet.Cluster, lock *lockfile.Lock, data []byte, statement lockfile.SealLock) ([]byte, lockfile.SealLock, finding.List) {
	file := r.registration(c.Name)
	secret, err := argocd.OpenClusterSecret(r.fleet, c)
	if err != nil {
		return data, statement, nil // the spec has a finding already
	}
	document, err := r.sealer(c.Name, lock, false, nil).Refresh(seal.Request{
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
	case len(r.trust.keys) == 0:
		return refreshed, statement, nil
	case r.signs():
		facts := statement
		facts.Serial++
		return refreshed, r.key.Sign(seal.Statement{Cluster: c.Name, Path: r.inside(file), Digest: manifest.Digest(refreshed), Facts: facts}), nil
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
func (r *run) staleMetadata(c fleet.Cluster) finding.Finding {
	f := c.Finding(finding.Error, RuleStaleMetadata, []string{"spec", "argocd", "cluster"},
		"Argo CD's sealed cluster Secret has other labels or annotations than the spec wants", "Run kasou register "+c.Name+".")
	if r.key == nil && len(r.trust.keys) > 0 {
		f.Hint = "Run kasou build where " + seal.KeyEnv + " is, such as in CI on a push."
		if !r.onlyLooks || r.BeforeMerge {
			f.Severity = finding.Warning
		}
	}
	return f
}

// committed gives a file of the repo as it stands on disk, or nil.
func (r *run) committed(file string) []byte {
	data, err := r.repo.ReadFile(path.Clean(file))
	if err != nil {
		return nil
	}
	return data
}
