package pipelines

import (
	"context"
	"os"
	"path"
	"strings"
	"time"

	"kasou/pipelines/argocd"
	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
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
}

// Register seals each cluster's credential into the Argo CD cluster Secret
// DIR/root/NAME.cluster.yaml. Where nothing has changed it writes nothing. A
// cluster that has not booted yet is a note.
func Register(ctx context.Context, o Options, from Registration) (*report.Report, error) {
	out := &report.Report{Command: "register", DryRun: o.DryRun}
	if err := o.sweep(ctx); err != nil {
		return nil, err
	}
	r, findings, err := start(o)
	out.Findings = findings
	if err != nil || r == nil {
		return sorted(out), err
	}
	defer r.close()
	r.forAll(ctx, out, o.Jobs, func(ctx context.Context, c fleet.Cluster) written { return r.register(ctx, c, from) })
	return sorted(out), ctx.Err()
}

// registration is where a cluster's sealed cluster Secret stands, from the
// repo's root.
func (r *run) registration(cluster string) string {
	return path.Join(r.Dir, "root", cluster+".cluster.yaml")
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
	// It is told besides: the credential is as good as before.
	defer func() { w.findings = append(w.findings, r.serviceRange.moved(ctx, c, lock, from.Host)...) }()
	data, reason, found, err := r.sealCredential(ctx, c, *cred, lock, from.Reseal)
	if !keep(found, err) {
		return w
	}
	w.plan, found, err = r.disk.Put(ctx, c.Name, r.registration(c.Name), data)
	if !keep(found, err) || w.plan.Empty() {
		return w
	}
	w.reasons = []report.Reason{{Cause: reason}}
	r.write(ctx, &w)
	return w
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

// sealCredential gives the file with the sealed cluster Secret, validated, and
// why it is as it is.
func (r *run) sealCredential(ctx context.Context, c fleet.Cluster, cred credential.Credential, lock *tree.Lock, reseal bool) ([]byte, report.Cause, finding.List, error) {
	secret, findings := argocd.ClusterSecret(r.fleet, c, cred)
	if findings.Failed() {
		return nil, "", findings, nil
	}
	file := r.registration(c.Name)
	sealed, found, err := r.sealer(lock, reseal).Secret(ctx, seal.Request{
		Cluster: c, Path: file, Secret: secret, Entropy: entropyOf(cred),
		Previous: r.committed(file), Recorded: r.recorded(lock)(file), NotAfter: cred.NotAfter,
	})
	findings = append(findings, found...)
	if err != nil || findings.Failed() {
		return nil, "", findings, err
	}
	data := tree.Stamp(c.File, sealed.Document)
	if sealed.Decision.Outcome == seal.Keep && !sealed.Retagged {
		data = r.committed(file)
	}
	found, err = r.conform(ctx, c, tree.Files{file: data})
	return data, report.CredentialChanged, append(findings, found...), err
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
func (r *run) keepRegistration(c fleet.Cluster, lock *tree.Lock, files tree.Files) finding.List {
	file := r.registration(c.Name)
	recorded := r.recorded(lock)(file)
	if recorded == "" {
		return nil
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
		problem.Rule, problem.Message = RuleRegistrationEdited, "the sealed cluster Secret is not as kasou register wrote it"
		problem.Hint = "Restore it from git, or run kasou register " + c.Name + ". Whoever can seal can point Argo CD at another server: find out who edited it."
		return finding.List{problem}
	}
	files[file] = data
	return nil
}

// committed gives a file of the repo as it stands on disk, or nil.
func (r *run) committed(file string) []byte {
	root, err := os.OpenRoot(r.Root)
	if err != nil {
		return nil
	}
	defer root.Close()
	data, err := root.ReadFile(path.Clean(file))
	if err != nil {
		return nil
	}
	return data
}
