package fleet

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kasou/pipelines/finding"
)

// problem is what a check found, before it has a place.
type problem struct {
	rule          finding.Rule
	severity      finding.Severity
	message, hint string
}

func fail(rule finding.Rule, message, hint string) *problem {
	return &problem{rule, finding.Error, message, hint}
}

func warn(rule finding.Rule, message, hint string) *problem {
	return &problem{rule, finding.Warning, message, hint}
}

// reporter makes a finding at a dotted path of a problem; nil is none.
type reporter func(path string, p *problem)

// fleetReporter leaves out what has a finding of the file's form already.
func fleetReporter(f *Fleet, src *source, findings *finding.List) reporter {
	return func(dotted string, p *problem) {
		path := strings.Split(dotted, ".")
		if p != nil && !src.isRefused(path) {
			*findings = append(*findings, f.Finding(p.severity, p.rule, path, dotted+" "+p.message, p.hint))
		}
	}
}

// check is one cluster on its way through the checks.
type check struct {
	cluster Cluster
	// name is metadata.name; given is the spec before kasou's own defaults.
	name        string
	given       ClusterSpec
	own, shared *source
	findings    finding.List
	// class is the one that the spec, or the defaults, name.
	class string
	// server is the normal form of spec.server; empty where it has none.
	server string
}

// report leaves out what has a finding of the file's form already, be it the
// spec's own value or the fleet's default.
func (k *check) report(dotted string, p *problem) {
	k.reportAt(strings.Split(dotted, "."), strings.TrimPrefix(dotted, "spec."), p)
}

// reportKey reports at the mapping of a key that can have dots in it.
func (k *check) reportKey(mapping, key string, p *problem) {
	k.reportAt(append(strings.Split(mapping, "."), key), strings.TrimPrefix(mapping, "spec.")+": "+quoted(key), p)
}

func (k *check) reportAt(path []string, subject string, p *problem) {
	if p == nil {
		return
	}
	all := spellings(path)
	// What the spec leaves out may have a finding in fleet.yaml already.
	inheritsRefused := func(at []string) bool {
		return slices.ContainsFunc(inherited(k.cluster.fleet.Spec.Classes, k.class, at), k.shared.isRefused)
	}
	own := slices.ContainsFunc(all, func(at []string) bool { return k.own.has(at...) })
	if slices.ContainsFunc(all, k.own.isRefused) || !own && slices.ContainsFunc(all, inheritsRefused) {
		return
	}
	k.findings = append(k.findings, k.cluster.Finding(p.severity, p.rule, path, subject+" "+p.message, p.hint))
}

// one checks everything that a spec says by itself.
func (k *check) one(fleet FleetSpec) {
	spec := k.cluster.Spec
	if _, known := fleet.Classes[k.class]; k.class != "" && !known && !k.shared.isRefused([]string{"spec", "classes"}) {
		k.report("spec.class", noClass(fleet, k.class))
	}
	k.onHost(fleet)
	k.report("metadata.name", checkName(k.name, k.cluster.Name, fleet.ArgoCD.Name))
	k.report("spec.namespace", checkReserved(spec.Namespace, fleet.ArgoCD.Namespace))
	if k.given.Namespace != "" {
		k.report("spec.namespace", checkLabel(RuleNamespace, spec.Namespace))
	}
	if k.given.ServiceCIDR != "" {
		k.report("spec.serviceCIDR", checkCIDR(k.given.ServiceCIDR))
	}
	if k.given.Retire && !k.own.has("spec", "retire") {
		k.report("spec.retire", fail(RuleSharedRetire, "is true for all clusters by the fleet's defaults", "Write retire: true into the spec of each cluster that is to leave."))
	}
	if len(k.given.Accept) > 0 && !k.own.has("spec", "accept") {
		k.report("spec.accept", fail(RuleSharedAccept, "is of all clusters by the fleet's defaults", "Write accept into the spec of each cluster whose step is meant."))
	}
	k.endpoint()
	if k.given.Server != "" {
		k.report("spec.server", checkServer(k.given.Server))
	}
	checkChart(*spec.Chart, k.report)
	if !k.shared.isRefused([]string{"spec", "argocd", "projects"}) {
		k.report("spec.argocd.project", checkProject(spec.ArgoCD.Project, fleet.ArgoCD.ProjectNames()))
	}
	k.argoCDCluster(fleet.ArgoCD.ProjectNames())
	k.valuesFrom(fleet)
	checkAllow(spec.Allow, k.report)
}

// checkAllow checks what spec.allow names: a namespace goes into a generated AppProject, where
// a pattern would open the host.
func checkAllow(allow []Allowed, report reporter) {
	for i, a := range allow {
		at := fmt.Sprintf("spec.allow.%d.", i)
		if a.Namespace != "" {
			report(at+"namespace", checkLabel(RuleNamespace, a.Namespace))
		}
		if a.Group != "" {
			report(at+"group", checkSubdomain(RuleWrongValue, a.Group))
		}
		if len(validation.IsDNS1035Label(strings.ToLower(a.Kind))) > 0 {
			report(at+"kind", fail(RuleWrongValue, quoted(a.Kind)+" is not a kind", "Write one kind, such as PriorityClass."))
		}
	}
}

// checkGenerated keeps kasou's hands off the projects that others own.
func checkGenerated(project, own string) *problem {
	switch project {
	case own:
		return fail(RuleProject, quoted(project)+" is the project of the app of apps (spec.argocd.name)", "Take another name.")
	case DefaultProject:
		return fail(RuleProject, quoted(project)+" is Argo CD's own project, which its other Applications use", "Take another name, such as virtual-clusters.")
	}
	return nil
}

func checkProject(project string, allowed []string) *problem {
	if slices.Contains(allowed, project) {
		return nil
	}
	hint := "Use one of " + strings.Join(allowed, ", ") + ", or add it to spec.argocd.projects of fleet.yaml."
	if near := Nearest(project, allowed); near != "" {
		hint = fmt.Sprintf("Did you mean %q? Else add it to spec.argocd.projects of fleet.yaml.", near)
	}
	return fail(RuleProject, fmt.Sprintf("%s is not a project that the fleet allows", quoted(project)), hint)
}

// checkFleet checks what fleet.yaml says, before defaults.
func checkFleet(spec FleetSpec, report reporter) {
	if spec.Repository.URL != "" {
		report("spec.repository.url", checkGitURL(spec.Repository.URL))
	}
	if spec.Repository.Path != "" {
		report("spec.repository.path", checkPath(spec.Repository.Path, "the repository's root"))
	}
	if spec.ArgoCD.Namespace != "" {
		report("spec.argocd.namespace", checkLabel(RuleNamespace, spec.ArgoCD.Namespace))
	}
	if spec.ArgoCD.Name != "" {
		report("spec.argocd.name", checkLabel(RuleName, spec.ArgoCD.Name))
	}
	for i, project := range spec.ArgoCD.Projects {
		at := fmt.Sprintf("spec.argocd.projects.%d", i)
		report(at, checkSubdomain(RuleProject, project.Name))
		if project.Generated {
			report(at, checkGenerated(project.Name, cmp.Or(spec.ArgoCD.Name, DefaultArgoCDName)))
		}
	}
	if spec.ArgoCD.Destination != "" {
		report("spec.argocd.destination", checkDestination(spec.ArgoCD.Destination))
	}
	if s := spec.Sealing; s != nil {
		switch {
		case s.Certificate != "":
			report("spec.sealing.certificate", checkPath(s.Certificate, "the clusters folder"))
		case spec.ArgoCD.Sealing == nil:
			report("spec.sealing.certificate", fail(RuleMissingField, "is missing", "Add it, such as certificate: sealed-secrets.crt."))
		}
		report("spec.sealing.publicKey", checkPublicKey(s.PublicKey))
		if s.MaxAge != "" {
			report("spec.sealing.maxAge", checkDuration(s.MaxAge))
		}
	}
	for name, image := range spec.Toolchain.Images() {
		report("spec.toolchain."+name+".image", checkImage(image))
	}
	checkAllowed(spec, report)
	checkManagers(spec.Drift, report)
	checkRings(spec.Rings, report)
	for i, file := range spec.Schemas {
		report(fmt.Sprintf("spec.schemas.%d", i), checkPath(file, "the repo's root"))
	}
}

func checkDuration(text string) *problem {
	d, err := ParseDuration(text)
	switch {
	case err != nil:
		return fail(RuleDuration, quoted(text)+" is not a duration", "Write a number with d, h, m or s, such as 30d for thirty days.")
	case d <= 0:
		return fail(RuleDuration, quoted(text)+" is not above zero", "Write how old a sealed value may grow, such as 30d.")
	}
	return nil
}

// pinnedImage is an image reference with a digest. A tag before it is allowed,
// and means nothing.
var pinnedImage = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._:/-]*@sha256:[0-9a-f]{64}$`)

func checkImage(image string) *problem {
	if pinnedImage.MatchString(image) {
		return nil
	}
	return fail(RuleImage, quoted(image)+" is not pinned by a digest", "Write NAME@sha256: and the 64 hex digits of the image's digest.")
}
