package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kasou/pipelines/finding"
)

const (
	// RuleHost: a spec names a host that the fleet does not have, or none where the fleet
	// has no single one.
	RuleHost finding.Rule = "fleet-host"
	// RuleHosts: a host of fleet.yaml that cannot be what it says.
	RuleHosts finding.Rule = "fleet-hosts"
)

// ownName is what Argo CD calls the cluster that it runs in, beside DefaultDestination
// (common.go of Argo CD).
const ownName = "in-cluster"

// IsOwn reports whether the destination is the cluster that Argo CD runs in.
func (d Destination) IsOwn() bool { return d.Server == DefaultDestination || d.Name == ownName }

// String returns the server or the name.
func (d Destination) String() string { return cmp.Or(d.Server, d.Name) }

// Fields returns the destination as an Application and an AppProject have it.
func (d Destination) Fields() map[string]any {
	if d.Server == "" {
		return map[string]any{"name": d.Name}
	}
	return map[string]any{"server": d.Server}
}

// CertificateFile is a sealing certificate as fleet.yaml names it.
type CertificateFile struct {
	// File is from the clusters folder; empty where none is named.
	File string
	// MaxAge is how old a value sealed with it may grow; 0 where nothing says so.
	MaxAge time.Duration
	// Controller is the Service of the controller that it is of, NAMESPACE/NAME; empty where
	// nothing says so.
	Controller string
	// Field is where fleet.yaml names it. Without a File it is the part of fleet.yaml
	// that lacks sealing.
	Field []string
}

// HasSingleHost reports whether there is a host for specs that name none.
func (s FleetSpec) HasSingleHost() bool { return len(s.Hosts) == 0 || s.Host.KubernetesVersion != "" }

// HostNames returns the names of the hosts, sorted; the empty one is the single host.
func (s FleetSpec) HostNames() []string {
	names := slices.Sorted(maps.Keys(s.Hosts))
	if s.HasSingleHost() {
		names = append([]string{""}, names...)
	}
	return names
}

// KubernetesVersions returns those of the hosts, in the order of their names.
func (s FleetSpec) KubernetesVersions() []string {
	var versions []string
	for _, name := range s.HostNames() {
		versions = append(versions, s.HostOf(name).KubernetesVersion)
	}
	return versions
}

// HostOf returns the host of a name, the single one for the empty name; the zero value
// where there is none.
func (s FleetSpec) HostOf(name string) Host {
	if name == "" {
		return s.Host
	}
	return s.Hosts[name]
}

// HostField returns where fleet.yaml has the host of a name.
func HostField(name string, below ...string) []string {
	at := []string{"spec", "host"}
	if name != "" {
		at = []string{"spec", "hosts", name}
	}
	return append(at, below...)
}

// HostTitle returns what messages call the host of a name.
func HostTitle(name string) string {
	if name == "" {
		return "the host"
	}
	return "host " + name
}

// DestinationOf returns the host of a name as Argo CD knows it.
func (s FleetSpec) DestinationOf(name string) Destination {
	switch h := s.HostOf(name); {
	case h.Destination != nil:
		return *h.Destination
	case name == "":
		return Destination{Server: cmp.Or(s.ArgoCD.Destination, DefaultDestination)}
	}
	return Destination{Server: DefaultDestination}
}

// key returns a destination in the one spelling by which two of them can be compared: the
// cluster that Argo CD runs in has a server and a name of its own
// (argoproj/argo-cd, common.KubernetesInternalAPIServerAddr and InClusterName).
func (d Destination) key() string {
	if d.IsOwn() {
		return DefaultDestination
	}
	if server, err := NormalizeServer(d.Server); err == nil {
		return server
	}
	return d.String()
}

// Is reports whether a server or a name is this destination, in another spelling or not.
func (d Destination) Is(other string) bool { return d.key() == destinationOf(other).key() }

// destinationOf returns the destination that a text is, a server or a name.
func destinationOf(text string) Destination {
	if strings.Contains(text, "://") {
		return Destination{Server: text}
	}
	return Destination{Name: text}
}

// IsHost reports whether a server or name, as an Application had it, is the host of a
// name: in another spelling, or by what its sameAs says.
func (s FleetSpec) IsHost(name, destination string) bool {
	return s.DestinationOf(name).Is(destination) ||
		slices.ContainsFunc(s.HostOf(name).SameAs, func(other string) bool { return destinationOf(other).Is(destination) })
}

// OwnHost returns the name of the host that is the cluster which Argo CD runs in, and
// whether there is one.
func (s FleetSpec) OwnHost() (name string, found bool) {
	for _, name := range s.HostNames() {
		if s.DestinationOf(name).IsOwn() {
			return name, true
		}
	}
	return "", false
}

// ContextOf returns the context of the kubeconfig that leads to the host of a name; empty
// for the current one.
func (s FleetSpec) ContextOf(name string) string {
	own := ""
	if s.DestinationOf(name).IsOwn() {
		own = s.ArgoCD.Context
	}
	return cmp.Or(s.HostOf(name).Context, own, name)
}

// ArgoCDContext returns the context of the kubeconfig that leads to the cluster that Argo
// CD runs in, empty for the current one, and whether it is known.
func (s FleetSpec) ArgoCDContext() (context string, known bool) {
	if s.ArgoCD.Context != "" {
		return s.ArgoCD.Context, true
	}
	own, known := s.OwnHost()
	if !known {
		return "", false
	}
	return s.ContextOf(own), true
}

// CertificateOf returns the sealing certificate of the host of a name: what is sealed
// with it, its controller unseals.
func (s FleetSpec) CertificateOf(name string) CertificateFile {
	own := s.DestinationOf(name).IsOwn()
	switch h := s.HostOf(name); {
	case h.Sealing != nil:
		return s.certificate(h.Sealing, HostField(name)...)
	case name == "" && s.Sealing.named():
		return s.certificate(nil, "spec")
	case own && (s.ArgoCD.Sealing != nil || s.Sealing.named()):
		return s.ArgoCDCertificate()
	case name == "":
		return CertificateFile{Field: []string{"spec"}}
	}
	return CertificateFile{Field: HostField(name)}
}

// ArgoCDCertificate returns the sealing certificate of the cluster that Argo CD runs in.
func (s FleetSpec) ArgoCDCertificate() CertificateFile {
	if s.ArgoCD.Sealing != nil {
		return s.certificate(s.ArgoCD.Sealing, "spec", "argocd")
	}
	if s.Sealing.named() {
		return s.certificate(nil, "spec")
	}
	if own, found := s.OwnHost(); found && s.HostOf(own).Sealing != nil {
		return s.CertificateOf(own)
	}
	return CertificateFile{Field: []string{"spec"}}
}

// Certificates returns each certificate file that fleet.yaml names, once, where it is
// named first: of the hosts by their names, then of Argo CD.
func (s FleetSpec) Certificates() []CertificateFile {
	var all []CertificateFile
	add := func(c CertificateFile) {
		known := slices.ContainsFunc(all, func(other CertificateFile) bool { return other.File == c.File })
		if c.File != "" && !known {
			all = append(all, c)
		}
	}
	for _, name := range s.HostNames() {
		add(s.CertificateOf(name))
	}
	add(s.ArgoCDCertificate())
	return all
}

func (s *Sealing) named() bool { return s != nil && s.Certificate != "" }

// certificate returns a certificate that stands below sealing at a place in fleet.yaml:
// its own, or, where own is nil, the shared one.
func (s FleetSpec) certificate(own *HostSealing, at ...string) CertificateFile {
	shared := cmp.Or(s.Sealing, &Sealing{})
	file, maxAge, controller := shared.Certificate, shared.MaxAge, shared.Controller
	if own != nil {
		file, maxAge, controller = own.Certificate, cmp.Or(own.MaxAge, maxAge), cmp.Or(own.Controller, controller)
	}
	age, _ := ParseDuration(maxAge) // it was checked
	return CertificateFile{File: file, MaxAge: age, Controller: controller, Field: append(at, "sealing", "certificate")}
}

// checkHosts checks each host by itself, and the hosts against each other.
func checkHosts(shared *source, spec FleetSpec, report reporter) {
	_, single := object(shared.raw, "spec")["host"]
	if !single && len(spec.Hosts) == 0 {
		report("spec.host", fail(RuleMissingField, "is missing, and there are no hosts", "Write host: {kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0/16}, with what your cluster has."))
	}
	if spec.ArgoCD.Sealing != nil {
		checkHostSealing("spec.argocd.sealing", *spec.ArgoCD.Sealing, report)
	}
	switch {
	case single:
		checkHost(spec, "", report)
	case spec.ArgoCD.Destination != "":
		report("spec.argocd.destination", fail(RuleHosts, "is of the single host, and there is none", "Write the destination of each host in spec.hosts."))
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Hosts)) {
		report("spec.hosts."+name, checkLabel(RuleHosts, name))
		checkHost(spec, name, report)
	}
	checkDestinations(spec, report)
}

func checkHost(spec FleetSpec, name string, report reporter) {
	h, at := spec.HostOf(name), "spec.host"
	if name != "" {
		at = "spec.hosts." + name
	}
	if h.ServiceCIDR != "" {
		report(at+".serviceCIDR", checkCIDR(h.ServiceCIDR))
	}
	if h.Sealing != nil {
		checkHostSealing(at+".sealing", *h.Sealing, report)
	}
	d := h.Destination
	switch {
	case d == nil:
	case (d.Server == "") == (d.Name == ""):
		report(at+".destination", fail(RuleHosts, "has not either a server or a name", "Write one of the two, as argocd cluster list shows it."))
	case d.Server != "":
		report(at+".destination.server", checkDestination(d.Server))
	default:
		report(at+".destination.name", checkNoPattern(RuleHosts, d.Name, "Write the name of one cluster, as argocd cluster list shows it."))
	}
	for i, text := range h.SameAs {
		if strings.Contains(text, "://") {
			report(fmt.Sprintf("%s.sameAs.%d", at, i), checkDestination(text))
		}
	}
	if name == "" && d != nil && spec.ArgoCD.Destination != "" {
		report("spec.argocd.destination", fail(RuleHosts, "is there, and host.destination, too", "Keep host.destination."))
	}
}

func checkHostSealing(at string, s HostSealing, report reporter) {
	report(at+".certificate", checkPath(s.Certificate, "the clusters folder"))
	if s.MaxAge != "" {
		report(at+".maxAge", checkDuration(s.MaxAge))
	}
}

// checkDestinations reports two hosts that Argo CD knows as one cluster: clusters of one
// name or namespace would meet there.
func checkDestinations(spec FleetSpec, report reporter) {
	first := map[string]string{}
	for _, name := range spec.HostNames() {
		d := spec.DestinationOf(name)
		other, taken := first[d.key()]
		if !taken {
			first[d.key()] = name
			continue
		}
		at := "spec.hosts." + name
		if spec.Hosts[name].Destination != nil {
			at += ".destination"
		}
		report(at, fail(RuleHosts, fmt.Sprintf("is the cluster %s, as %s is", d, HostTitle(other)), "Write the destination under which Argo CD knows this host."))
	}
	for _, name := range spec.HostNames() {
		at := strings.Join(HostField(name, "sameAs"), ".")
		for i, text := range spec.HostOf(name).SameAs {
			other, taken := first[destinationOf(text).key()]
			switch {
			case text == "":
				report(fmt.Sprintf("%s.%d", at, i), fail(RuleHosts, "is empty", "Write a server or a name, as argocd cluster list shows it."))
			case taken && other != name:
				report(fmt.Sprintf("%s.%d", at, i), fail(RuleHosts, fmt.Sprintf("is the cluster %s, which is %s", text, HostTitle(other)), "Take it out: what goes from there to here moves."))
			}
			first[destinationOf(text).key()] = name
		}
	}
}

// onHost checks the host that the cluster is on.
func (k *check) onHost(fleet FleetSpec) {
	for _, field := range []string{"host", "hosts"} {
		if k.shared.isRefused([]string{"spec", field}) {
			return // it has a finding
		}
	}
	name := k.cluster.Spec.Host
	if _, known := fleet.Hosts[name]; known || name == "" && fleet.HasSingleHost() {
		return
	}
	k.report("spec.host", noHost(fleet, name))
}

// noHost is the problem of a spec on a host that fleet.yaml does not have; the empty name is
// that of none.
func noHost(fleet FleetSpec, name string) *problem {
	known := slices.Sorted(maps.Keys(fleet.Hosts))
	hint := "Write the host into spec.hosts of fleet.yaml."
	if len(known) > 0 {
		hint = "Write one of " + choices(known) + "."
	}
	if strings.Contains(name, ".") {
		hint += " A DNS name belongs below spec.ingress."
	}
	if name == "" {
		return fail(RuleHost, "is missing, and fleet.yaml has no single host", hint)
	}
	if near := Nearest(name, known); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	return fail(RuleHost, quoted(name)+" is not a host of the fleet", hint)
}
