// Package vcluster knows what each vcluster chart version wants: it turns a
// cluster's spec into Helm values, and into the objects that must stand beside
// the rendered ones.
package vcluster

import (
	"fmt"
	"net/url"

	"github.com/Masterminds/semver/v3"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// Result is what a cluster's spec comes to for one chart.
type Result struct {
	// Values override the chart's own: what kasou sets, and spec.values merged
	// over it. They share nothing with the spec and may be changed.
	Values map[string]any
	// Objects are Kubernetes objects that the chart needs and does not render.
	Objects []Object
}

// Object is one Kubernetes object that kasou writes beside the rendered ones.
type Object struct {
	// File is its name in the cluster's manifests folder.
	File string
	// Manifest is the whole object, ready to be marshalled.
	Manifest map[string]any
}

// Plan returns the values and objects for cluster c with chart ch, and what this
// chart version cannot do, or c's own values undo. c.Spec.ServiceCIDR must be
// one range, or two joined by a comma, or empty. The result is usable for
// looking at even where a finding is an error.
func Plan(c fleet.Cluster, ch toolchain.Chart) (Result, finding.List) {
	p := newPlan(c, ch)
	e := p.edition()
	if e != nil {
		for _, set := range []setter{e.serviceCIDR, e.ingress, e.sans, e.server, gateway, service} {
			set(p)
		}
		checkClass(p)
	}
	dns(p)
	values := manifest.Copy(manifest.Merge(p.values.tree, p.user)).(map[string]any) // shared with neither
	if e != nil {
		checkPassthrough(p, values)
	}
	checkOverrides(p, values)
	checkRemovals(p)
	checkDefeats(p)
	checkIsolation(p)
	p.findings.Sort()
	return Result{Values: values, Objects: p.objects}, p.findings
}

// plan is the work on one cluster: the spec taken apart, and what came of it.
type plan struct {
	cluster fleet.Cluster
	// chart is name and version, for messages.
	chart, chartName string
	version          *semver.Version

	cidr        string
	ingress     bool
	host, class string
	// endpoint says more of the ways in beside an ingress.
	endpoint           fleet.Endpoint
	annotations        map[string]string
	server, serverHost string
	user               map[string]any

	values   values
	objects  []Object
	findings finding.List
}

func newPlan(c fleet.Cluster, ch toolchain.Chart) *plan {
	p := &plan{
		cluster: c, chart: ch.Name + " " + ch.Version, chartName: ch.Name,
		cidr: c.Spec.ServiceCIDR, server: c.Spec.Server, user: c.Spec.Values,
		values: values{tree: map[string]any{}},
	}
	if in := c.Spec.Ingress; in != nil && in.Enabled != nil && *in.Enabled {
		p.ingress, p.host, p.class, p.annotations = true, in.Host, in.ClassName, in.Annotations
	}
	if c.Spec.Endpoint != nil {
		p.endpoint = *c.Spec.Endpoint
	}
	if u, err := url.Parse(p.server); err == nil {
		p.serverHost = u.Hostname()
	}
	if v, err := semver.NewVersion(ch.Version); err == nil {
		p.version = v
	}
	return p
}

// edition finds how to talk to the chart, or says why it cannot be known.
func (p *plan) edition() *edition {
	l, known := lines[p.chartName]
	if !known {
		p.say(finding.Warning, RuleUnknownChart, p.chartField("name"),
			fmt.Sprintf("chart %s is not a vcluster chart that kasou knows: only spec.values reach it", p.chart),
			"Set service CIDR, ingress and server in spec.values, in the chart's own terms.")
		return nil
	}
	if p.version == nil {
		p.say(finding.Error, RuleVersion, p.chartField("version"),
			fmt.Sprintf("chart %s has no version that can be read", p.chart), "Use a semantic version, such as 0.4.3.")
		return nil
	}
	e, newer := l.edition(p.version)
	if e == nil {
		p.say(finding.Error, RuleVersion, p.chartField("version"),
			fmt.Sprintf("chart %s is older than what kasou can drive: %s starts with %s", p.chart, p.chartName, l.editions[0].from),
			"Use a newer chart version.")
	}
	if newer {
		p.say(finding.Note, RuleNewerVersion, p.chartField("version"),
			fmt.Sprintf("chart %s is newer than %s, the newest that kasou knows; it is treated like that one", p.chart, l.newest),
			"Compare the chart's release notes with the generated values.yaml.")
	}
	return e
}

// chartField points at a field of spec.chart, or at its path where it has one.
func (p *plan) chartField(name string) []string {
	if c := p.cluster.Spec.Chart; c != nil && c.Path != "" {
		name = "path"
	}
	return []string{"spec", "chart", name}
}

func (p *plan) say(s finding.Severity, r finding.Rule, field []string, message, hint string) {
	p.findings = append(p.findings, p.cluster.Finding(s, r, field, message, hint))
}

// configMap is where the syncer of 0.17 and 0.18 looks for the service CIDR.
func (p *plan) configMap() Object {
	o := p.object("service-cidr.yaml", "v1", "ConfigMap", cidrConfigMap(p.cluster.Name))
	o.Manifest["data"] = map[string]any{"cidr": p.cidr}
	return o
}

// object returns the beginning of an object that kasou writes.
func (p *plan) object(file, apiVersion, kind, name string) Object {
	return Object{File: file, Manifest: map[string]any{
		"apiVersion": apiVersion,
		"kind":       kind,
		"metadata": map[string]any{
			"name":      name,
			"namespace": p.cluster.Spec.Namespace,
			"labels": map[string]any{
				"app.kubernetes.io/instance":   p.cluster.Name,
				"app.kubernetes.io/managed-by": "kasou",
			},
		},
	}}
}
