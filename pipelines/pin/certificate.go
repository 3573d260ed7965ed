package pin

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

const (
	// RuleNoCertificateFile: fleet.yaml names no file for the sealing
	// certificate.
	RuleNoCertificateFile finding.Rule = "lock-no-certificate-file"
	// RuleNewCertificate: the pinned sealing certificate is replaced.
	RuleNewCertificate finding.Rule = "lock-new-certificate"
)

// Certificates pins the sealing certificates that source has now, in the files that
// fleet.yaml names. source is a file, an https URL, or empty for the controllers: then
// each file of the fleet that one serves is pinned anew. into is the one file to pin;
// empty for all. A certificate that cannot seal is a finding in out and changes nothing. A
// source that cannot be read leaves the report unfinished. The error is a
// *workspace.SettingError where source and into do not say which file is meant, or the
// context's.
func Certificates(ctx context.Context, w *workspace.Workspace, out *report.Report, source, into string) error {
	named, err := chosen(w.Fleet.Spec.Certificates(), source, into)
	if err != nil {
		return err
	}
	if len(named) == 0 {
		out.Findings = append(out.Findings, w.Fleet.Finding(finding.Error, RuleNoCertificateFile, []string{"spec"},
			"fleet.yaml names no file for the sealing certificate", "Write spec.sealing.certificate: sealed-secrets.crt."))
	}
	for _, n := range named {
		data, from, err := pinnedFrom(ctx, w, n, source)
		if err == nil {
			err = pinCertificate(ctx, w, out, n, data, from)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		workspace.Unfinished(out, "", err)
	}
	return nil
}

// chosen returns the certificate files to pin.
func chosen(named []fleet.CertificateFile, source, into string) ([]fleet.CertificateFile, error) {
	var files []string
	for _, n := range named {
		if n.File == into {
			return []fleet.CertificateFile{n}, nil
		}
		files = append(files, n.File)
	}
	switch {
	case into != "":
		return nil, &workspace.SettingError{Name: "--into", Err: fmt.Errorf("fleet.yaml does not name %s; it names %s", into, strings.Join(files, ", "))}
	case source != "" && len(named) > 1:
		return nil, &workspace.SettingError{Name: "--certificate", Err: fmt.Errorf("fleet.yaml names several certificates: say which file is meant with --into, one of %s", strings.Join(files, ", "))}
	}
	return named, nil
}

// pinnedFrom reads a certificate from the source, or from the first cluster in fleet.yaml
// that has it, and says in words from where.
func pinnedFrom(ctx context.Context, r *workspace.Workspace, named fleet.CertificateFile, source string) ([]byte, string, error) {
	if source != "" {
		data, err := host.SealingCertificateFrom(ctx, source)
		return data, "the given source", err
	}
	asked, err := r.Hosts.Sealing(named)
	if err != nil {
		return nil, "", err
	}
	h, err := asked.Open()
	if err != nil {
		return nil, "", r.Hosts.By(asked, err)
	}
	data, err := host.SealingCertificate(ctx, h, named.Controller)
	return data, "the Sealed Secrets controller of " + asked.Title, r.Hosts.By(asked, err)
}

// pinCertificate writes the certificate where it is good, and another one than
// the pinned one.
func pinCertificate(ctx context.Context, r *workspace.Workspace, out *report.Report, named fleet.CertificateFile, data []byte, from string) error {
	file := path.Join(r.Dir, named.File)
	fresh, problems := seal.ParseCertificate(data, time.Now())
	for _, p := range problems {
		out.Findings = append(out.Findings, r.Fleet.Finding(p.Severity, p.Rule, named.Field, from+": "+p.Message, p.Hint))
	}
	old := r.Committed(file)
	if problems.Failed() || bytes.Equal(old, data) {
		return nil
	}
	out.Findings = append(out.Findings, r.Fleet.Finding(finding.Note, RuleNewCertificate, named.Field,
		fmt.Sprintf("%s: %s replaces %s", file, fresh, described(old)),
		"Look whether the controller's log names this certificate; kasou build then seals what is older than sealing.maxAge anew."))
	return r.WriteFleet(ctx, out, tree.Rewrite(file, old, data), r.Diff)
}

// described describes what is pinned, whatever state it is in.
func described(data []byte) string {
	if data == nil {
		return "none"
	}
	c, _ := seal.ParseCertificate(data, time.Now())
	if c.Fingerprint == "" {
		return "a file that is not a certificate"
	}
	return c.String()
}
