package e2e

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/drift"
	"kasou/pipelines/finding"
)

// gatewayDefinitions returns Gateway API's definitions that TLS needs, from the module's
// folder.
func gatewayDefinitions(t *testing.T) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	must(t, err)
	var all []byte
	for _, kind := range []string{"gatewayclasses", "gateways", "tlsroutes"} {
		data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "config/crd/standard/gateway.networking.k8s.io_"+kind+".yaml"))
		must(t, err)
		all = append(append(all, "\n---\n"...), data...)
	}
	return all
}

// gatewayController serves the TLS listeners of the Gateways of its class: it routes by
// the name in the ClientHello, and writes what it does into the status of each object.
type gatewayController struct {
	env *environment
	// gateways and routes of the host.
	gateways, routes dynamic.ResourceInterface
	// listener is where every Gateway listens; ended is how TLS ends there.
	listener net.Listener
	ended    *tls.Config
	// backends are what stands in for Services, by NAMESPACE/NAME, on the loopback address.
	backends map[string]string

	mu sync.Mutex
	// ways are the ways of names to Services.
	ways map[string]way
}

// way is how a name reaches a Service.
type way struct {
	service string
	// ends says that TLS ends at the Gateway.
	ends bool
}

const gatewayClass = "e2e"

func gatewayKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: "v1", Kind: kind}
}

// startGateway runs a controller until the test ends. Its Gateway is shared/entrance.
func startGateway(t *testing.T, env *environment, backends map[string]string) *gatewayController {
	t.Helper()
	a := applierOf(t, env.host)
	must(t, a.YAML(t.Context(), gatewayDefinitions(t), ""))
	namespace(t, env.host, "shared")
	must(t, a.YAML(t.Context(), []byte("apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: "+gatewayClass+"}\nspec: {controllerName: example.com/gateway}\n"), ""))
	c := &gatewayController{env: env, backends: backends, ways: map[string]way{}}
	var err error
	c.gateways, err = a.Resource(gatewayKind("Gateway"), metav1.NamespaceAll)
	must(t, err)
	c.routes, err = a.Resource(gatewayKind("TLSRoute"), metav1.NamespaceAll)
	must(t, err)
	other := httptest.NewTLSServer(nil) // for its certificate, which is nobody's
	t.Cleanup(other.Close)
	c.ended = &tls.Config{Certificates: other.TLS.Certificates, MinVersion: tls.VersionTLS12}
	c.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = c.listener.Close() })
	go func() {
		for {
			here, err := c.listener.Accept()
			if err != nil {
				return
			}
			go c.serve(here)
		}
	}()
	return c
}

// serverName returns the name in the ClientHello, and what was read of the connection.
func serverName(here net.Conn) (name string, read []byte) {
	var seen bytes.Buffer
	hello := tls.Server(readOnly{Conn: here, from: io.TeeReader(here, &seen)}, &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			name = h.ServerName
			return nil, errors.New("the name was seen")
		},
	})
	_ = hello.HandshakeContext(context.Background())
	return name, seen.Bytes()
}

// readOnly is a connection to which nothing is written.
type readOnly struct {
	net.Conn
	from io.Reader
}

func (c readOnly) Read(p []byte) (int, error)  { return c.from.Read(p) }
func (c readOnly) Write(p []byte) (int, error) { return len(p), nil }

// replayed is a connection of which some was read before.
type replayed struct {
	net.Conn
	from io.Reader
}

func (c replayed) Read(p []byte) (int, error) { return c.from.Read(p) }

// serve routes one connection; it closes one for a name without a route.
func (c *gatewayController) serve(here net.Conn) {
	defer here.Close()
	name, read := serverName(here)
	c.mu.Lock()
	to, ok := c.ways[name]
	c.mu.Unlock()
	if !ok {
		return
	}
	there, err := net.Dial("tcp", c.backends[to.service])
	if err != nil {
		return
	}
	defer there.Close()
	var client net.Conn = replayed{here, io.MultiReader(bytes.NewReader(read), here)}
	if to.ends {
		client = tls.Server(client, c.ended)
		there = tls.Client(there, &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // as many Gateways do
	}
	go func() { _, _ = io.Copy(there, client); _ = there.Close() }()
	_, _ = io.Copy(client, there)
}

// typed reads objects of the host.
func typed[T any](t *testing.T, client dynamic.ResourceInterface) []T {
	t.Helper()
	list, err := client.List(t.Context(), metav1.ListOptions{})
	must(t, err)
	all := make([]T, len(list.Items))
	for i, o := range list.Items {
		must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &all[i]))
	}
	return all
}

// write puts the status of an object on the host.
func (c *gatewayController) write(t *testing.T, kind string, object any) {
	t.Helper()
	data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	must(t, err)
	o := &unstructured.Unstructured{Object: data}
	o.SetGroupVersionKind(gatewayKind(kind))
	client, err := applierOf(t, c.env.host).Resource(o.GroupVersionKind(), o.GetNamespace())
	must(t, err)
	_, err = client.UpdateStatus(t.Context(), o, metav1.UpdateOptions{})
	must(t, err)
}

func condition(all *[]metav1.Condition, kind string, generation int64, ok bool, reason string) {
	status := metav1.ConditionFalse
	if ok {
		status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(all, metav1.Condition{Type: kind, Status: status, Reason: reason, ObservedGeneration: generation})
}

// reconcile looks at the host's objects once: tests call it where a controller would see
// a change, so that none waits.
func (c *gatewayController) reconcile(t *testing.T) {
	t.Helper()
	gateways := map[string]gatewayv1.Gateway{}
	for _, g := range typed[gatewayv1.Gateway](t, c.gateways) {
		if g.Spec.GatewayClassName != gatewayClass {
			continue
		}
		gateways[g.Namespace+"/"+g.Name] = g
		kind := gatewayv1.IPAddressType
		g.Status.Addresses = []gatewayv1.GatewayStatusAddress{{Type: &kind, Value: entrance}}
		condition(&g.Status.Conditions, "Accepted", g.Generation, true, "Accepted")
		condition(&g.Status.Conditions, "Programmed", g.Generation, true, "Programmed")
		c.write(t, "Gateway", &g)
	}
	ways := map[string]way{}
	for _, r := range typed[gatewayv1.TLSRoute](t, c.routes) {
		r.Status.Parents = nil
		for _, ref := range r.Spec.ParentRefs {
			inNamespace := r.Namespace
			if ref.Namespace != nil {
				inNamespace = string(*ref.Namespace)
			}
			g, ours := gateways[inNamespace+"/"+string(ref.Name)]
			if !ours {
				continue
			}
			l, reason := listenerFor(g, r, ref)
			service, there := c.service(t, r)
			state := gatewayv1.RouteParentStatus{ParentRef: ref, ControllerName: "example.com/gateway"}
			condition(&state.Conditions, "Accepted", r.Generation, reason == "Accepted", reason)
			condition(&state.Conditions, "ResolvedRefs", r.Generation, there, map[bool]string{true: "ResolvedRefs", false: "BackendNotFound"}[there])
			r.Status.Parents = append(r.Status.Parents, state)
			for _, name := range r.Spec.Hostnames {
				if reason == "Accepted" && there {
					ways[string(name)] = way{service: service, ends: *l.TLS.Mode == gatewayv1.TLSModeTerminate}
				}
			}
		}
		c.write(t, "TLSRoute", &r)
	}
	c.mu.Lock()
	c.ways = ways
	c.mu.Unlock()
	for name := range ways {
		world.route(name, c.listener.Addr().String())
	}
}

// listenerFor returns the listener that takes a route, or the reason why none does.
func listenerFor(g gatewayv1.Gateway, r gatewayv1.TLSRoute, ref gatewayv1.ParentReference) (l gatewayv1.Listener, reason string) {
	reason = "NoMatchingParent"
	for _, l := range g.Spec.Listeners {
		if ref.SectionName != nil && l.Name != *ref.SectionName || l.Protocol != gatewayv1.TLSProtocolType {
			continue
		}
		from := gatewayv1.NamespacesFromSame
		if l.AllowedRoutes != nil && l.AllowedRoutes.Namespaces != nil && l.AllowedRoutes.Namespaces.From != nil {
			from = *l.AllowedRoutes.Namespaces.From
		}
		if from != gatewayv1.NamespacesFromAll && g.Namespace != r.Namespace {
			reason = "NotAllowedByListeners"
			continue
		}
		above := ""
		if l.Hostname != nil {
			above = strings.TrimPrefix(string(*l.Hostname), "*")
		}
		if !slices.ContainsFunc(r.Spec.Hostnames, func(h gatewayv1.Hostname) bool { return strings.HasSuffix(string(h), above) }) {
			reason = "NoMatchingListenerHostname"
			continue
		}
		return l, "Accepted"
	}
	return l, reason
}

// service returns the Service that a route leads to, and whether the host has it, with
// that port.
func (c *gatewayController) service(t *testing.T, r gatewayv1.TLSRoute) (string, bool) {
	t.Helper()
	if len(r.Spec.Rules) != 1 || len(r.Spec.Rules[0].BackendRefs) != 1 {
		return "", false
	}
	ref := r.Spec.Rules[0].BackendRefs[0]
	s, err := clientOf(t, c.env.host).CoreV1().Services(r.Namespace).Get(t.Context(), string(ref.Name), metav1.GetOptions{})
	if apierrors.IsNotFound(err) || ref.Port == nil {
		return "", false
	}
	must(t, err)
	for _, p := range s.Spec.Ports {
		if p.Port == *ref.Port {
			return s.Namespace + "/" + s.Name, true
		}
	}
	return "", false
}

// gateway puts the shared Gateway on the host, with one listener.
func (c *gatewayController) gateway(t *testing.T, mode, from string) {
	t.Helper()
	certificate := ""
	if mode == "Terminate" {
		certificate = ", certificateRefs: [{name: any}]"
	}
	must(t, applierOf(t, c.env.host).YAML(t.Context(), fmt.Appendf(nil, `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: entrance, namespace: shared}
spec:
  gatewayClassName: %s
  listeners:
    - {name: tls, protocol: TLS, port: 443, hostname: "*.example.com", tls: {mode: %s%s}, allowedRoutes: {namespaces: {from: %s}}}
`, gatewayClass, mode, certificate, cmp.Or(from, "All")), ""))
	c.reconcile(t)
}

// behindGateway are the clusters behind one Gateway, by their charts: the newest chart
// writes the route itself, kasou those of the older.
var behindGateway = map[string]string{"by-chart": "vcluster-0.36.1", "by-kasou": "vcluster-0.30.0", "by-kasou-oldest": "vcluster-0.4.3"}

// fleetBehindGateway builds, syncs and registers them.
func fleetBehindGateway(t *testing.T) (watched, *gatewayController) {
	t.Helper()
	env := hostOf(t, newest)
	_ = env.sealing(t)
	installArgoCD(t, env)
	w := watched{env: env, there: virtualCluster(t)}
	backends := map[string]string{}
	for name := range behindGateway {
		backends[name+"/"+name] = strings.TrimPrefix(w.there.URL, "https://")
	}
	c := startGateway(t, env, backends)
	c.gateway(t, "Passthrough", "All")
	w.repo, w.options = newFleet(t, env)
	for name, chart := range behindGateway {
		w.repo.Copy(t, "charts/"+chart+".tgz", upstream.Chart(t, chart))
		w.repo.Cluster(t, name, "  chart: {path: charts/"+chart+".tgz}\n  endpoint: {gateway: {host: "+name+".example.com, parentRefs: [{name: entrance, namespace: shared}]}}\n")
		w.options.Names = append(w.options.Names, name)
	}
	w.build(t)
	for name := range behindGateway {
		file := map[bool]string{true: "vcluster/templates/tlsroute.yaml", false: "tlsroute.yaml"}[name == "by-chart"]
		if route := string(w.repo.Read(t, "clusters/"+name+"/manifests/"+file)); !strings.Contains(route, "kind: TLSRoute") {
			t.Errorf("%s: %s", name, route)
		}
		w.sync(t, name, track)
		writeKubeconfig(t, env.host, name, name, syncerKubeconfig(t, w.there, name))
	}
	c.reconcile(t)
	r, err := pipelines.Register(t.Context(), w.options, pipelines.Registration{})
	fleettest.MustPass(t, r, err)
	for name := range behindGateway {
		w.sync(t, name, track)
	}
	w.unsealed(t)
	return w, c
}

func TestClustersBehindAGateway(t *testing.T) {
	w, c := fleetBehindGateway(t)
	w.clean(t)
	t.Run("passthrough", func(t *testing.T) {
		for name := range behindGateway {
			if user, err := whoami(t, argoRestConfig(t, secretOf(t, w.env, "argocd", "cluster-"+name), w.there)); err != nil || user != name {
				t.Errorf("%s makes Argo CD %q: %v", name, user, err)
			}
		}
	})
	t.Run("TLS ends on the way", func(t *testing.T) { c.ends(t, w) })
	w.clean(t)
	t.Run("not accepted", func(t *testing.T) { c.refuses(t, w) })
	w.clean(t)
}

// ends ends TLS at the Gateway: rows say so, and a client certificate is not passed on.
func (c *gatewayController) ends(t *testing.T, w watched) {
	c.gateway(t, "Terminate", "All")
	defer c.gateway(t, "Passthrough", "All")
	r := w.drift(t)
	for rule, text := range map[finding.Rule]string{
		drift.RuleEndpointRoute:       "tls.mode Passthrough: it ends TLS itself",
		drift.RuleEndpointCertificate: "the client certificate of Argo CD's credential does not reach the cluster",
		drift.RuleLiveSilent:          "through TLSRoute",
	} {
		row := want(t, r, rule, drift.RuleEndpointRoute, drift.RuleEndpointCertificate, drift.RuleLiveSilent)
		if !strings.Contains(row.Message, text) {
			t.Errorf("%+v", row)
		}
	}
	// Also to a client who trusts the Gateway: its certificate is not passed on.
	trusting := argoRestConfig(t, secretOf(t, w.env, "argocd", "cluster-by-chart"), w.there)
	trusting.CAData, trusting.Insecure = nil, true
	if _, err := whoami(t, trusting); !apierrors.IsUnauthorized(err) && !apierrors.IsForbidden(err) {
		t.Errorf("a client certificate through a Gateway that ends TLS: %v", err)
	}
}

// refuses lets the Gateway take no route of another namespace.
func (c *gatewayController) refuses(t *testing.T, w watched) {
	c.gateway(t, "Passthrough", "Same")
	defer c.gateway(t, "Passthrough", "All")
	row := want(t, w.drift(t), drift.RuleEndpointRoute, drift.RuleLiveSilent)
	if !strings.Contains(row.Message, "Gateway shared/entrance has not set Accepted: NotAllowedByListeners") {
		t.Errorf("%+v", row)
	}
}
