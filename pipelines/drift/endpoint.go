package drift

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/pipelines/credential"
	"kasou/pipelines/exposure"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/live"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/workspace"
)

// endpoint looks at the way to one cluster's API server from outside: its route, its
// name, the certificate behind it.
type endpoint struct {
	*liveWatch
	cluster fleet.Cluster
	// host of the cluster, and asked: it, opened.
	host  *workspace.Asked
	asked *host.Host
	// hostname of the server, and through: what leads to it, for messages.
	hostname, through string
	// cred is the cluster's credential; nil where it was not read.
	cred *credential.Credential
	// published are the addresses in the status of the objects that lead there.
	published []string
	// nodePort says that a Service of that type is among what leads there.
	nodePort bool
	// leading are the host's objects that can lead to the server.
	leading map[objectKey]*unstructured.Unstructured
	// proved says that the server showed a certificate of the cluster's own.
	proved bool
}

// endpointOf returns the endpoint of a cluster, and nil where Argo CD reaches the
// cluster at a name in the host, or not at all: that can be asked from the host alone.
func (l *liveWatch) endpointOf(c fleet.Cluster, cred *credential.Credential) *endpoint {
	u, err := url.Parse(c.Spec.Server)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	_, err = netip.ParseAddr(name)
	if err != nil && (!strings.Contains(name, ".") || strings.HasSuffix(name, ".svc") || strings.HasSuffix(name, ".svc.cluster.local")) {
		return nil
	}
	return &endpoint{liveWatch: l, cluster: c, hostname: name, cred: cred}
}

// rows returns what is not as it should be, from the route to the certificate.
func (e *endpoint) rows(ctx context.Context, files manifest.Files) []report.Row {
	all, there := e.routeRows(ctx, files)
	if !there {
		return all
	}
	all = append(all, e.certificateRows(ctx)...)
	return append(all, e.nameRows(ctx)...)
}

// row returns a row about the endpoint, at spec.server.
func (e *endpoint) row(rule finding.Rule, message, hint string) []report.Row {
	f := e.cluster.Finding(finding.Error, rule, []string{"spec", "server"}, message, hint)
	f.Cluster = e.cluster.Name
	return []report.Row{{Finding: f, Kind: report.DriftLive, Object: e.cluster.Spec.Server, Repair: report.ByPerson}}
}

func (e *endpoint) unknown(why string) []report.Row {
	return []report.Row{unknown(e.cluster.Name, report.DriftLive, why)}
}

// routeRows asks the host for each object in git that leads to the server. there is
// false where the host has none of them: then there is nothing to look at.
func (e *endpoint) routeRows(ctx context.Context, files manifest.Files) (all []report.Row, there bool) {
	objects, err := live.Objects(files)
	if err != nil {
		return nil, false // the objects' comparison says so
	}
	routes := e.routes(objects)
	there = len(routes) == 0 // somebody else's endpoint
	for _, o := range routes {
		if o.GetNamespace() == "" {
			o.SetNamespace(e.cluster.Spec.Namespace)
		}
		have, beside, err := e.read(ctx, o)
		switch {
		case err != nil:
			all = append(all, e.unknownRow(ctx, e.host, e.cluster.Name, err)...)
			continue
		case have == nil:
			continue // it is missing, which the objects' comparison says
		}
		there = true
		e.through = o.Name()
		seen := live.EndpointOf(have, beside)
		e.published = append(e.published, seen.Published...)
		e.nodePort = e.nodePort || manifest.Text(have.Object, "spec", "type") == exposure.NodePort
		if len(seen.Problems) > 0 {
			all = append(all, *objectRow(e.cluster.Name, o, RuleEndpointRoute, o.Name()+" does not lead to the cluster: "+strings.Join(seen.Problems, "; "),
				"Look at its status and at the log of its controller: kubectl -n "+o.GetNamespace()+" describe "+strings.ToLower(o.GetKind())+" "+o.GetName()))
		}
	}
	return all, there
}

// routes returns the objects in git that lead to the host name.
func (e *endpoint) routes(objects []live.Object) []live.Object {
	all := make([]map[string]any, len(objects))
	for i, o := range objects {
		all[i] = o.Object
	}
	var routes []live.Object
	for _, w := range exposure.Serving(exposure.Of(all, e.cluster.Name), e.hostname) {
		routes = append(routes, objects[w.Index])
	}
	return routes
}

// read returns the host's object, as the objects' comparison found it, nil where there is
// none, and those beside it.
func (e *endpoint) read(ctx context.Context, o live.Object) (have *unstructured.Unstructured, beside []*unstructured.Unstructured, err error) {
	if have = e.leading[keyOf(o)]; have == nil {
		return nil, nil, nil
	}
	for _, needed := range live.Needs(have) {
		found, err := e.shared.get(ctx, e.asked, needed)
		var noKind *host.NoKindError
		if err != nil && !errors.As(err, &noKind) {
			return nil, nil, err
		}
		beside = append(beside, found)
	}
	return have, beside, nil
}

// sharedObjects keeps the host's answers about objects that many clusters need.
type sharedObjects struct {
	mu    sync.Mutex
	known map[onOne]*unstructured.Unstructured
	nodes map[*host.Host][]netip.Addr
}

// addressesOf asks a host once for the addresses of its nodes. The errors are those of
// host.NodeAddresses, and are not kept.
func (s *sharedObjects) addressesOf(ctx context.Context, h *host.Host) ([]netip.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, ok := s.nodes[h]; ok {
		return have, nil
	}
	have, err := host.NodeAddresses(ctx, h)
	if err == nil {
		if s.nodes == nil {
			s.nodes = map[*host.Host][]netip.Addr{}
		}
		s.nodes[h] = have
	}
	return have, err
}

// onOne is an object of one of the hosts.
type onOne struct {
	host   *host.Host
	object objectKey
}

// get asks the host once for an object; nil where it has none. The errors are those of
// host.Object, and are not kept.
func (s *sharedObjects) get(ctx context.Context, h *host.Host, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := onOne{h, objectKey{kind: o.GroupVersionKind().GroupKind(), namespace: o.GetNamespace(), name: o.GetName()}}
	if have, ok := s.known[key]; ok {
		return have, nil
	}
	have, err := h.Object(ctx, o)
	if err == nil {
		if s.known == nil {
			s.known = map[onOne]*unstructured.Unstructured{}
		}
		s.known[key] = have
	}
	return have, err
}

// certificateRows looks at the certificate that the server shows for its name.
func (e *endpoint) certificateRows(ctx context.Context) []report.Row {
	name := e.hostname
	if e.cred != nil && e.cred.ServerName != "" {
		name = e.cred.ServerName
	}
	var chain []*x509.Certificate
	err := e.reach.ask(ctx, e.cluster.Spec.Server, func() (err error) {
		chain, err = host.Served(ctx, e.cluster.Spec.Server, name, host.Options{Timeout: e.reach.patience})
		return err
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return e.unknown(err.Error())
	}
	leaf, now := chain[0], e.options.Now
	var all []report.Row
	say := func(message, hint string) { all = append(all, e.row(RuleEndpointCertificate, message, hint)...) }
	if foreign := e.foreign(chain); foreign != "" {
		say(foreign, "Let the endpoint pass TLS through: tls.mode Passthrough of a Gateway's listener, or the controller's annotation of an Ingress.")
	} else if leaf.VerifyHostname(name) != nil {
		say(fmt.Sprintf("%s shows a certificate that is not for %s; it is for %s", e.cluster.Spec.Server, name, names(leaf)),
			"Build and sync, so that the chart adds the name to the certificate, and restart the virtual cluster where it still shows the old one.")
	}
	switch {
	case now.After(leaf.NotAfter):
		say(e.cluster.Spec.Server+" shows a certificate that ended at "+stamped(leaf.NotAfter), "Restart the virtual cluster, which renews its certificates when it starts.")
	case leaf.NotAfter.Before(now.Add(e.options.Within)):
		say(e.cluster.Spec.Server+" shows a certificate that ends at "+stamped(leaf.NotAfter), "Restart the virtual cluster, which renews its certificates when it starts.")
	}
	return all
}

// foreign says whose certificate is served where it is not of the cluster's own
// authority, and notes where it is. Without a credential it knows neither.
func (e *endpoint) foreign(chain []*x509.Certificate) string {
	if e.cred == nil || len(e.cred.CAData) == 0 {
		return ""
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(e.cred.CAData) {
		return ""
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	leaf := chain[0]
	// At a time at which it holds: its end is told apart.
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: leaf.NotAfter.Add(-time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if e.proved = err == nil; e.proved {
		return ""
	}
	message := fmt.Sprintf("%s shows a certificate by %q, which is not of the virtual cluster's own authority", e.cluster.Spec.Server, leaf.Issuer.String())
	if len(e.cred.CertData) > 0 {
		message += ": where TLS ends on the way, the client certificate of Argo CD's credential does not reach the cluster"
	}
	return message
}

// names returns the names in a certificate, the first few.
func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name"
	}
	return finding.Few(all, enough)
}

// nameRows compares where the name leads with what the objects publish, or, of a node
// port, with the addresses of the nodes.
func (e *endpoint) nameRows(ctx context.Context) []report.Row {
	if _, err := netip.ParseAddr(e.hostname); err == nil && !e.nodePort || ctx.Err() != nil {
		return nil
	}
	found, err := e.reach.addresses(ctx, e.hostname)
	if ctx.Err() != nil {
		return nil
	}
	want, byName, wantErr := e.addresses(ctx)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return e.noName(want)
	case err != nil:
		return e.unknown("where " + e.hostname + " leads: the resolver of this machine does not answer")
	case wantErr != nil:
		return e.unknown("where " + e.hostname + " should lead: " + wantErr.Error())
	case e.nodePort:
		return e.nodeRows(ctx, found)
	case len(want) == 0 || agree(found, want, byName):
		return nil
	}
	return e.elsewhere(fmt.Sprintf("%s leads to %s, and %s publishes %s", e.hostname, list(found), e.through, list(want)), found, want)
}

// elsewhere returns the row of a name that leads elsewhere than it should.
func (e *endpoint) elsewhere(message string, found, want []netip.Addr) []report.Row {
	if private(found) != private(want) {
		// An address translation can stand between the two, and the certificate tells.
		if e.proved {
			return nil
		}
		return e.unknown(message + ": one is private and the other is not, so they cannot be compared from here")
	}
	return e.row(RuleEndpointName, message, "Look at the DNS record and at ExternalDNS: an old record leads some clients elsewhere.")
}

// nodeRows compares where the name of a node port leads with the addresses of the nodes. A
// name that leads to none of them may be that of a balancer before them: the certificate
// tells.
func (e *endpoint) nodeRows(ctx context.Context, found []netip.Addr) []report.Row {
	nodes, err := e.shared.addressesOf(ctx, e.asked)
	switch {
	case err != nil:
		return e.unknownRow(ctx, e.host, e.cluster.Name, err)
	case len(nodes) == 0:
		return e.unknown("where " + e.hostname + " should lead: the host names no addresses of its nodes")
	}
	var strange []netip.Addr
	for _, a := range found {
		if !slices.Contains(nodes, a) {
			strange = append(strange, a)
		}
	}
	switch {
	case len(strange) == 0:
		return nil
	case len(strange) < len(found):
		return e.row(RuleEndpointName, fmt.Sprintf("%s leads to %s, of which %s is no address of a node", e.hostname, list(found), list(strange)),
			"Take it out of the DNS record: clients that get it reach nobody, or somebody else.")
	case e.proved:
		return nil
	}
	return e.elsewhere(fmt.Sprintf("%s leads to %s, and the nodes have %s", e.hostname, list(found), list(nodes)), found, nodes)
}

// noName is for a name that the resolver of this machine does not know. Where what it
// should lead to is private, the name may be known in its own network alone.
func (e *endpoint) noName(want []netip.Addr) []report.Row {
	message := e.hostname + " is not in the DNS of this machine"
	switch {
	case e.proved: // the proxy knows it
		return nil
	case host.Proxied(e.cluster.Spec.Server):
		return e.unknown(message + ", and the proxy resolves it by its own")
	case len(want) == 0 || private(want):
		return e.unknown(message + "; it may be known in the network of Argo CD alone")
	}
	return e.row(RuleEndpointName, fmt.Sprintf("%s; it should lead to %s, which %s publishes", message, list(want), e.through),
		"Look whether ExternalDNS watches objects of this kind, and at its log; or add the record.")
}

// addresses returns what is published, with host names resolved. byName says that there
// was a name: then its addresses may change from one look to the next.
func (e *endpoint) addresses(ctx context.Context) (all []netip.Addr, byName bool, err error) {
	for _, p := range e.published {
		if _, err := netip.ParseAddr(p); err != nil {
			byName = true
		}
		found, err := e.reach.addresses(ctx, p)
		if err != nil {
			return nil, byName, fmt.Errorf("%s publishes %s, which cannot be resolved from here", e.through, p)
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all), byName, nil
}

// agree reports whether a name leads where it should: to no other address, or, where a
// name was published, to one of them at least.
func agree(found, want []netip.Addr, byName bool) bool {
	known := func(a netip.Addr) bool { return slices.Contains(want, a) }
	if byName {
		return slices.ContainsFunc(found, known)
	}
	return !slices.ContainsFunc(found, func(a netip.Addr) bool { return !known(a) })
}

// private reports whether all addresses are of a private network.
func private(all []netip.Addr) bool {
	return !slices.ContainsFunc(all, func(a netip.Addr) bool { return !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() })
}

func list(all []netip.Addr) string {
	var text []string
	for _, a := range all {
		text = append(text, a.String())
	}
	return finding.Few(text, enough)
}
