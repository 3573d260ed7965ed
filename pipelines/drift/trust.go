package drift

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/workspace"
)

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func stamped(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// soon reports whether t is nearer than Options.Within, or past.
func (w *watch) soon(t time.Time) bool { return t.Sub(w.options.Now) < w.options.Within }

// ends says when something ends, or that it has.
func (w *watch) ends(t time.Time) string {
	left := t.Sub(w.options.Now)
	if left < 0 {
		return "ended on " + day(t)
	}
	return fmt.Sprintf("ends on %s, in %d days", day(t), int(left.Hours())/24)
}

// certificateEnds warns while there is time. One that has expired is seal's to
// say.
func (w *watch) certificateEnds() []report.Row {
	var all []report.Row
	named := w.Fleet.Spec.Certificates()
	for _, n := range named {
		certificate := w.Certificates.In(n)
		if certificate == nil || !w.soon(certificate.NotAfter) {
			continue
		}
		what := "the sealing certificate "
		if len(named) > 1 {
			what += n.File + " "
		}
		f := w.Fleet.Finding(finding.Error, RuleCertificateEnds, n.Field, what+w.ends(certificate.NotAfter),
			"The controller renews its own every month; pin that one, and build.")
		all = append(all, report.Row{Finding: f, Kind: report.DriftTrust, Repair: report.ByCertificate})
	}
	return all
}

// trustRows looks at everything that was sealed for the cluster.
func (w *watch) trustRows(ctx context.Context, c fleet.Cluster, lock *lockfile.Lock, facts *report.Facts) []report.Row {
	if lock == nil {
		return nil
	}
	var all []report.Row
	for _, name := range slices.Sorted(maps.Keys(lock.Files)) {
		file := path.Join(w.Dir, name)
		data := w.Committed(file)
		for _, sealed := range seal.Inspect(data) {
			all = append(all, w.sealedRows(c, file, sealed)...)
			if file == w.Paths(c.Name).Registration() {
				facts.Registered = true
				if !sealed.NotAfter.IsZero() {
					facts.Expires = stamped(sealed.NotAfter)
				}
			}
		}
		_, why := w.Trust.Vouched(c.Name, file, lock, data)
		signed := len(w.Trust.Keys) > 0 && why == ""
		if file == w.Paths(c.Name).Registration() && manifest.Digest(data) == lock.Files[name] && !signed {
			all = append(all, w.proof(ctx, c, lock, file, data)...)
		}
	}
	return all
}

// proof asks the tags of the registered credential whether it is as it was
// sealed. What differs from the lock has been said already.
func (w *watch) proof(ctx context.Context, c fleet.Cluster, lock *lockfile.Lock, file string, data []byte) []report.Row {
	_, found, err := workspace.RegistrationSealer(w.Workspace, c, lock).Secret(ctx, seal.Request{
		Cluster: c, Path: file, Entropy: seal.Strong, Previous: data, Recorded: lock.Files[w.Inside(file)],
	})
	all := rows(c.Name, found)
	for i := range all {
		if all[i].Rule == seal.RuleTampered {
			all[i].Repair = report.ByRegister
		}
	}
	if err != nil && ctx.Err() == nil {
		all = append(all, unknownBy(c.Name, report.DriftTrust, err))
	}
	return all
}

func (w *watch) sealedRows(c fleet.Cluster, file string, sealed seal.Sealed) []report.Row {
	by, named := report.ByBuild, w.Fleet.Spec.CertificateOf(c.Spec.Host)
	if file == w.Paths(c.Name).Registration() {
		by, named = report.ByRegister, w.Fleet.Spec.ArgoCDCertificate()
	}
	certificate := w.Certificates.In(named)
	row := func(severity finding.Severity, rule finding.Rule, since time.Time, message, hint string, by report.Repair) report.Row {
		r := report.Row{Kind: report.DriftTrust, Object: sealed.Namespace + "/" + sealed.Name, Repair: by}
		r.Finding = finding.Finding{File: file, Cluster: c.Name, Rule: rule, Severity: severity, Message: message, Hint: hint}
		if !since.IsZero() && !since.After(w.options.Now) {
			r.Since = stamped(since)
		}
		return r
	}
	var all []report.Row
	if !sealed.NotAfter.IsZero() && w.soon(sealed.NotAfter) {
		all = append(all, row(finding.Error, RuleCredentialEnds, sealed.NotAfter,
			"Argo CD's credential for the cluster "+w.ends(sealed.NotAfter),
			"Register the cluster anew once it has renewed its credential.", report.ByRegister))
	}
	limit := cmp.Or(named.MaxAge, seal.DefaultMaxAge)
	if sealed.At.IsZero() || w.options.Now.Sub(sealed.At) <= limit {
		return all
	}
	message := fmt.Sprintf("%s/%s was sealed on %s, which is longer ago than sealing.maxAge (%s)", sealed.Namespace, sealed.Name, day(sealed.At), limit)
	if certificate != nil && sealed.Certificate != certificate.Fingerprint {
		return append(all, row(finding.Error, RuleSealedLongAgo, sealed.At.Add(limit), message+", with a certificate that was renewed since",
			"It is sealed anew with the certificate of today.", by))
	}
	return append(all, row(finding.Warning, RuleSealedLongAgo, sealed.At.Add(limit), message+", with the certificate that fleet.yaml still names",
		"If the controller has renewed its certificate, pin that one and build; nothing is to be done otherwise.", report.ByCertificate))
}

// factsOf returns what the cluster is. A service range that the spec leaves to the
// host is the one in the lock.
func factsOf(f *fleet.Fleet, c fleet.Cluster, lock *lockfile.Lock) *report.Facts {
	facts := &report.Facts{
		Chart: cmp.Or(c.Spec.Chart.Path, c.Spec.Chart.Name), Version: c.Spec.Chart.Version,
		Host: c.Spec.Host, Namespace: c.Spec.Namespace, ServiceCIDR: c.Spec.ServiceCIDR, Server: c.Spec.Server,
		Application: f.Spec.ArgoCD.Namespace + "/" + c.Name,
	}
	if facts.ServiceCIDR == fleet.AutoCIDR && lock != nil {
		facts.ServiceCIDR = cmp.Or(lock.Host.ServiceCIDR, facts.ServiceCIDR)
	}
	return facts
}
