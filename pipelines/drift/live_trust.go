package drift

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/pipelines/argocd"
	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/live"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/workspace"
)

// controllerRows reports which Sealed Secrets controllers have another certificate today
// than the pinned one.
func (l *liveWatch) controllerRows(ctx context.Context) []report.Row {
	type pinned struct {
		a    *workspace.Asked
		file string
	}
	var all []report.Row
	seen := map[pinned]bool{}
	look := func(a *workspace.Asked, named fleet.CertificateFile) {
		if certificate := l.Certificates.In(named); certificate != nil && !seen[pinned{a, named.File}] {
			seen[pinned{a, named.File}] = true
			all = append(all, l.controllerRow(ctx, a, named, certificate)...)
		}
	}
	for _, c := range l.Clusters {
		look(l.Hosts.Of(c), l.Fleet.Spec.CertificateOf(c.Spec.Host))
	}
	look(l.argocd, l.Fleet.Spec.ArgoCDCertificate())
	return all
}

func (l *liveWatch) controllerRow(ctx context.Context, a *workspace.Asked, named fleet.CertificateFile, certificate *seal.Certificate) []report.Row {
	asked := at(a)
	if asked == nil {
		return nil
	}
	data, err := host.SealingCertificate(ctx, asked, named.Controller)
	if err != nil {
		return l.unknownRow(ctx, a, "", err)
	}
	now, problems := seal.ParseCertificate(data, l.options.Now)
	if problems.Failed() {
		return l.unknownRow(ctx, a, "", fmt.Errorf("the controller's certificate cannot be used: %s", problems[0].Message))
	}
	if now.Fingerprint == certificate.Fingerprint {
		return nil
	}
	of := ""
	if len(l.Fleet.Spec.Hosts) > 0 {
		of = " of " + a.Title
	}
	f := l.Fleet.Finding(finding.Error, RuleCertificateRenewed, named.Field,
		"the controller"+of+" has another certificate: "+now.String()+"; pinned is "+certificate.String(),
		"Look whether the controller's log names it; then pin it and build. What is sealed with the old one still unseals.")
	row := report.Row{Finding: f, Kind: report.DriftTrust, Repair: report.ByCertificate}
	if !now.NotBefore.IsZero() && now.NotBefore.Before(l.options.Now) {
		row.Since = stamped(now.NotBefore)
	}
	return []report.Row{row}
}

// registered follows one registered credential.
type registered struct {
	*liveWatch
	cluster fleet.Cluster
	lock    *lockfile.Lock
	files   manifest.Files
	// proved says that the seal was: the plaintext is there.
	proved bool
	// cred is what the host has today; nil where it was not told.
	cred *credential.Credential
	// through is what leads to the server, for messages; empty where nothing in git does.
	through string
	// leading are the host's objects that can lead to the server.
	leading map[objectKey]*unstructured.Unstructured
}

// rows follows the credential from the host's kubeconfig to what was sealed, to Argo
// CD's Secret, to the virtual cluster's answer.
func (l *registered) rows(ctx context.Context) []report.Row {
	if l.files[l.file()] == nil || l.lock == nil {
		return l.endpoint(ctx)
	}
	var all []report.Row
	if asked := at(l.Hosts.Of(l.cluster)); asked != nil {
		all = l.rotation(ctx, asked)
	}
	all = append(all, l.endpoint(ctx)...)
	argocd := at(l.argocd)
	if argocd == nil {
		return all
	}
	secret, found := l.argoCDSecret(ctx, argocd)
	all = append(all, found...)
	if secret != nil {
		all = append(all, l.answer(ctx, secret)...)
	}
	return all
}

// endpoint looks at the way to the server, and keeps what it leads through.
func (l *registered) endpoint(ctx context.Context) []report.Row {
	e := l.endpointOf(l.cluster, l.cred)
	if e == nil || ctx.Err() != nil {
		return nil
	}
	e.host = l.Hosts.Of(l.cluster)
	if e.leading, e.asked = l.leading, at(e.host); e.asked == nil {
		return nil // the host's own row says why
	}
	all := e.rows(ctx, l.files)
	l.through = e.through
	return all
}

func (l *registered) file() string { return l.Paths(l.cluster.Name).Registration() }

// look compares a Secret with what was sealed.
func (l *registered) look(secret *corev1.Secret) (seal.Decision, error) {
	_, cred, _ := argocd.ReadClusterSecret(secret) // what cannot be read is not strong
	d, err := workspace.RegistrationSealer(l.Workspace, l.cluster, l.lock).Look(seal.Request{
		Cluster: l.cluster, Path: l.file(), Secret: secret, Entropy: register.Entropy(cred),
		Previous: l.files[l.file()], Recorded: l.lock.Recorded(l.Inside(l.file())),
	})
	l.proved = l.proved || err == nil && d.Proved
	return d, err
}

// rotation returns a row where a registration of today would seal something else.
func (l *registered) rotation(ctx context.Context, asked *host.Host) []report.Row {
	cred, found, err := register.Registrar{Workspace: l.Workspace}.Credential(ctx, l.cluster, asked, register.Source{})
	switch {
	case err != nil:
		return l.unknownRow(ctx, l.Hosts.Of(l.cluster), l.cluster.Name, err)
	case found.Failed():
		return rows(l.cluster.Name, found)
	case cred == nil:
		why := "its Secret is not there"
		if len(found) > 0 {
			why = found[0].Message
		}
		return []report.Row{unknown(l.cluster.Name, report.DriftTrust, "whether the credential was rotated: "+why)}
	}
	l.cred = cred
	if found := (register.Registrar{Workspace: l.Workspace}).SameIdentity(l.cluster, *cred, l.lock); len(found) > 0 {
		return rows(l.cluster.Name, found)
	}
	secret, found := argocd.ClusterSecret(l.Fleet, l.cluster, *cred)
	if secret == nil {
		return rows(l.cluster.Name, found)
	}
	d, err := l.look(secret)
	if err != nil {
		return []report.Row{unknownBy(l.cluster.Name, report.DriftTrust, err)}
	}
	f := finding.Finding{File: l.file(), Cluster: l.cluster.Name, Rule: RuleCredentialRotated, Severity: finding.Error}
	switch {
	case d.Outcome != seal.Seal:
		return nil // as sealed, or not to be told; proof says what was edited
	case d.Reason == seal.ReasonPlaintext:
		f.Message = "the host has another credential for the cluster, or another address, than was sealed"
		f.Hint = "Newer vclusters renew their credential by themselves. Register the cluster anew."
	case d.Reason == seal.ReasonTemplate, d.Reason == seal.ReasonName, d.Reason == seal.ReasonScope:
		f.Message = "the spec asks for another cluster Secret than was sealed: " + string(d.Reason)
		f.Hint = "Register the cluster anew."
	default:
		return nil
	}
	row := report.Row{Finding: f, Kind: report.DriftTrust, Object: secret.Namespace + "/" + secret.Name, Repair: report.ByRegister}
	return []report.Row{row}
}

// argoCDSecret compares Argo CD's cluster Secret with what was sealed. It returns
// the Secret where it is that.
func (l *registered) argoCDSecret(ctx context.Context, asked *host.Host) (*corev1.Secret, []report.Row) {
	want, file := sealedTemplate(l.files, l.file())
	if want == nil {
		return nil, nil // it is not a SealedSecret: the files' comparison says so
	}
	row := func(message, hint string) []report.Row {
		return []report.Row{*objectRow(l.cluster.Name, file, RuleLiveSecret, message, hint)}
	}
	have, err := asked.Secret(ctx, want.Namespace, want.Name)
	if err != nil {
		return nil, l.unknownRow(ctx, l.argocd, l.cluster.Name, err)
	}
	name := want.Namespace + "/" + want.Name
	if have == nil {
		return nil, row("Argo CD's cluster Secret "+name+" is sealed in git, and not on the host",
			"Sync the app of apps, and look into the Sealed Secrets controller's log.")
	}
	same := want.DeepCopy()
	same.Data = have.Data
	d, err := l.look(same)
	switch {
	case err != nil:
		return nil, []report.Row{unknownBy(l.cluster.Name, report.DriftTrust, err)}
	case d.Outcome == seal.Unverifiable, d.Outcome == seal.Seal && d.Reason == seal.ReasonOtherKey:
		return nil, []report.Row{unknown(l.cluster.Name, report.DriftLive, "whether Argo CD's cluster Secret "+name+" is what was sealed: that takes the KASOU_SEAL_KEY that it was sealed with")}
	case d.Outcome == seal.Tampered:
		return nil, nil // proof says so
	case d.Outcome == seal.Seal && d.Reason == seal.ReasonPlaintext:
		return nil, row("Argo CD's cluster Secret "+name+" holds something else than was sealed",
			"Find out who edited it: Argo CD dials what it says. Where the sealed one is right, delete the Secret, and the controller makes it anew.")
	}
	for key, value := range want.Labels {
		if have.Labels[key] != value {
			return have, row(fmt.Sprintf("Argo CD's cluster Secret %s does not have the label %s=%s that was sealed", name, key, value),
				"Without its labels Argo CD does not count the cluster. Delete the Secret, and the controller makes it anew.")
		}
	}
	return have, nil
}

// sealedTemplate returns the Secret that the file's SealedSecret becomes, without
// its values.
func sealedTemplate(files manifest.Files, file string) (*corev1.Secret, live.Object) {
	objects, err := live.Objects(manifest.Files{file: files[file]})
	if err != nil || len(objects) != 1 || objects[0].GetKind() != "SealedSecret" {
		return nil, live.Object{}
	}
	o := objects[0]
	text := func(fields ...string) string {
		s, _, _ := unstructured.NestedString(o.Object, append([]string{"spec", "template"}, fields...)...)
		return s
	}
	texts := func(field string) map[string]string {
		m, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", field)
		return maps.Clone(m)
	}
	return &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, Type: corev1.SecretType(text("type")),
		ObjectMeta: metav1.ObjectMeta{Name: o.GetName(), Namespace: o.GetNamespace(), Labels: texts("labels"), Annotations: texts("annotations")},
	}, o
}

// answer asks the virtual cluster itself, with what Argo CD has.
func (l *registered) answer(ctx context.Context, secret *corev1.Secret) []report.Row {
	server, cred, err := argocd.ReadClusterSecret(secret)
	if err == nil {
		err = l.reach.ask(ctx, server, func() error {
			return host.Answers(ctx, server, cred, host.Options{Timeout: l.reach.patience, Retries: 1})
		})
	}
	silent, ok := errors.AsType[*host.SilentError](err)
	if !ok {
		if err == nil || ctx.Err() != nil {
			return nil
		}
		// Not unknownRow: it is not the host that is out of reach.
		return []report.Row{unknownBy(l.cluster.Name, report.DriftLive, err)}
	}
	message := silent.Error()
	if l.through != "" {
		message += ", through " + l.through
	}
	f := finding.Finding{File: l.file(), Cluster: l.cluster.Name, Rule: RuleLiveSilent, Severity: finding.Error, Message: message,
		Hint: "Look whether the virtual cluster runs and its address leads to it. If it has another credential, register it anew."}
	return []report.Row{{Finding: f, Kind: report.DriftLive, Object: secret.Namespace + "/" + secret.Name, Repair: report.ByPerson}}
}
