// Package doctor looks whether all that kasou needs is here.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/history"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// RuleMissing: something that a build needs is not here.
const RuleMissing finding.Rule = "doctor-missing"

// Run looks at everything that a build needs, and changes nothing but the
// cache. Each probe says what it found; a probe that failed is also a finding.
func Run(ctx context.Context, o workspace.Options) (*report.Report, error) {
	d := &doctor{Options: o, out: &report.Report{Command: "doctor"}}
	d.git(ctx)
	d.cache()
	r, err := workspace.Start(ctx, o, d.out)
	if err == nil && r != nil {
		_, err = r.Schemas.Ready(r.Fleet.Spec.HostNames()[0])
	}
	var setting *workspace.SettingError
	switch {
	case errors.As(err, &setting):
		d.probe("setting", err, "")
		return workspace.Sorted(d.out), nil
	case err != nil:
		workspace.Unfinished(d.out, "", err)
		return workspace.Sorted(d.out), ctx.Err()
	}
	if r == nil {
		d.probe("fleet", fmt.Errorf("%s in %s", finding.Plural(d.out.Findings.Count(finding.Error), "error"), o.Dir), "")
		return workspace.Sorted(d.out), nil
	}
	defer r.Close()
	d.tools(r.Fleet.Spec.Helm)
	d.probe("fleet", nil, fmt.Sprintf("%s in %s, Kubernetes %s", finding.Plural(len(r.Fleet.Clusters), "cluster"), o.Dir, strings.Join(slices.Compact(r.Fleet.Spec.KubernetesVersions()), ", ")))
	d.sealing(r)
	d.charts(ctx, r)
	d.around(ctx, r)
	return workspace.Sorted(d.out), ctx.Err()
}

type doctor struct {
	workspace.Options
	out *report.Report
	// unread says that git does not read the repository.
	unread bool
}

func (d *doctor) probe(name string, err error, detail string) {
	p := report.Probe{Name: name, OK: err == nil, Detail: detail}
	if err != nil {
		p.Detail = err.Error()
		d.out.Findings = append(d.out.Findings, finding.Finding{
			Rule: RuleMissing, Severity: finding.Error, Message: name + ": " + p.Detail,
		})
	}
	d.out.Probes = append(d.out.Probes, p)
}

// note adds what is good to know: it is neither here, nor missing.
func (d *doctor) note(name, detail string) {
	d.out.Probes = append(d.out.Probes, report.Probe{Name: name, OK: true, Beside: true, Detail: detail})
}

func (d *doctor) git(ctx context.Context) {
	out, err := exec.CommandContext(ctx, "git", "version").Output()
	if err != nil {
		err = fmt.Errorf("the git command does not run (%w): install git", err)
	} else if unread := history.Open(ctx, d.Root).Unread; unread != "" {
		err = errors.New(unread)
	}
	d.unread = err != nil
	d.probe("git", err, strings.TrimSpace(strings.TrimPrefix(string(out), "git version ")))
}

func (d *doctor) cache() {
	err := os.MkdirAll(d.Cache, 0o755)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(d.Cache, ".doctor-*"); err == nil {
			_ = f.Close()
			err = os.Remove(f.Name())
		}
	}
	d.probe("cache", err, d.Cache)
}

func (d *doctor) tools(helm toolchain.HelmMajor) {
	versions := d.Toolchain.Versions(helm)
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		d.probe(name, nil, versions[name]+" ("+d.Toolchain.Name()+")")
	}
}

func (d *doctor) sealing(r *workspace.Workspace) {
	named := r.Fleet.Spec.Certificates()
	for _, c := range r.Clusters {
		d.out.Findings = append(d.out.Findings, r.Certificates.Refused(c)...)
	}
	if len(named) == 0 {
		d.note("sealing", "no certificate: charts that render a Secret will not build")
	}
	for _, n := range named {
		what := "certificate "
		if len(named) > 1 {
			what += n.File + " "
		}
		certificate := r.Certificates.In(n)
		if certificate == nil {
			d.probe("sealing", errors.New(what+"cannot seal, and no cluster of its host builds"), "")
			continue
		}
		d.probe("sealing", nil, what+"good until "+certificate.NotAfter.UTC().Format("2006-01-02"))
	}
}

// charts says how many charts are pinned and at hand, which is what an offline
// build needs.
func (d *doctor) charts(ctx context.Context, r *workspace.Workspace) {
	pinned := 0
	for _, c := range r.Clusters {
		lock, found, err := tree.ReadLock(r.Disk, c.Name)
		d.out.Findings = append(d.out.Findings, found...)
		if err != nil {
			workspace.Unfinished(d.out, c.Name, err)
			continue
		}
		if lock == nil || lock.Chart.Digest == "" {
			continue
		}
		pinned++
		_, _, found, err = d.Charts.Fetch(ctx, c, &lock.Chart)
		d.out.Findings = append(d.out.Findings, found...)
		workspace.Unfinished(d.out, c.Name, err)
	}
	d.probe("charts", nil, fmt.Sprintf("%d of %s with a pinned chart", pinned, finding.Plural(len(r.Clusters), "cluster")))
}
