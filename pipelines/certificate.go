package pipelines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/host"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/workspace"
)

const (
	// RuleNoCertificateFile: fleet.yaml names no file for the sealing
	// certificate.
	RuleNoCertificateFile finding.Rule = "lock-no-certificate-file"
	// RuleNewCertificate: the pinned sealing certificate is replaced.
	RuleNewCertificate finding.Rule = "lock-new-certificate"
)

// LockCertificate pins the sealing certificate that source has now, in the file
// that fleet.yaml names. source is a file, an https URL, or empty for the host's
// controller. A certificate that cannot seal is a finding and changes nothing.
// With DryRun it says what it would do. A source that cannot be read leaves the
// report unfinished.
func LockCertificate(ctx context.Context, o Options, source string) (*report.Report, error) {
	out := &report.Report{Command: "lock", DryRun: o.DryRun}
	r, err := open(o, out)
	if err != nil || r == nil {
		return workspace.Sorted(out), err
	}
	defer r.Close()
	if r.Fleet.Spec.Sealing == nil {
		out.Findings = append(out.Findings, r.Fleet.Finding(finding.Error, RuleNoCertificateFile, []string{"spec"},
			"fleet.yaml names no file for the sealing certificate", "write spec.sealing.certificate: sealed-secrets.crt"))
		return workspace.Sorted(out), nil
	}
	data, from, err := certificateFrom(ctx, o, source)
	if err != nil {
		workspace.Unfinished(out, "", err)
		return workspace.Sorted(out), ctx.Err()
	}
	return workspace.Sorted(out), pinCertificate(ctx, r, out, data, from)
}

// certificateFrom reads the certificate, and says in words from where.
func certificateFrom(ctx context.Context, o Options, source string) (data []byte, from string, err error) {
	if source != "" {
		data, err = host.SealingCertificateFrom(ctx, source)
		return data, "the given source", err
	}
	if o.OpenHost == nil {
		return nil, "", errors.New("there is no host cluster to ask for its sealing certificate")
	}
	asked, err := o.OpenHost()
	if err != nil {
		return nil, "", err
	}
	data, err = asked.SealingCertificate(ctx, "", "")
	return data, "the host's Sealed Secrets controller", err
}

// pinCertificate writes the certificate where it is good, and another one than
// the pinned one.
func pinCertificate(ctx context.Context, r *workspace.Workspace, out *report.Report, data []byte, from string) error {
	file := path.Join(r.Dir, r.Fleet.Spec.Sealing.Certificate)
	fresh, problems := seal.ParseCertificate(data, time.Now())
	for _, p := range problems {
		out.Findings = append(out.Findings, r.Fleet.Finding(p.Severity, p.Rule, seal.CertificateField, from+": "+p.Message, p.Hint))
	}
	old := r.Committed(file)
	if problems.Failed() || bytes.Equal(old, data) {
		return nil
	}
	out.Findings = append(out.Findings, r.Fleet.Finding(finding.Note, RuleNewCertificate, seal.CertificateField,
		fmt.Sprintf("%s: %s replaces %s", file, fresh, described(old)),
		"look whether the controller's log names this certificate; kasou build then seals what is older than sealing.maxAge anew"))
	return r.WriteFleet(ctx, out, r.Disk.Rewrite(file, old, data), r.Diff)
}

// described describes what is pinned, whatever state it is in.
func described(data []byte) string {
	if data == nil {
		return "none"
	}
	c, _ := seal.ParseCertificate(data, time.Now())
	if c.Fingerprint == "" {
		return "a file that is no certificate"
	}
	return c.String()
}
