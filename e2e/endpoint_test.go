package e2e

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"kasou/pipelines/drift"
)

// entrance is the address that every Ingress publishes, and to which every name leads.
const entrance = "192.0.2.1"

// startDNS makes a DNS server on the loopback address the resolver of this process.
func startDNS() error {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	atEnd(func() { _ = c.Close() })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(world.answer(buffer[:n]), from)
		}
	}()
	return nil
}

// answer answers a DNS question: names of example.com lead to the entrance, or where they
// were told to lead; others do not exist.
func (p *proxy) answer(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	p.mu.Lock()
	address, told := p.names[name]
	p.mu.Unlock()
	if !told {
		address = entrance
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	switch {
	case !strings.HasSuffix(name, ".example.com"), address == "":
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
		}}
	}
	packed, _ := m.Pack()
	return packed
}

// lead makes a name lead to an address until the test ends; to none where it is empty.
func (p *proxy) lead(t *testing.T, name, address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[name] = address
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.names, name)
	})
}

// serve does what an ingress controller does of objects that were synced: it publishes
// its address.
func serve(t *testing.T, env *environment, objects []*unstructured.Unstructured) {
	t.Helper()
	must(t, applierOf(t, env.host).YAML(t.Context(), []byte("apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}\nspec: {controller: example.com/ingress}\n"), ""))
	for _, o := range objects {
		if o.GetKind() == "Ingress" {
			publish(t, env, o.GetNamespace(), o.GetName(), fmt.Sprintf(`[{"ip": %q}]`, entrance))
		}
	}
}

func publish(t *testing.T, env *environment, namespace, name, addresses string) {
	t.Helper()
	_, err := clientOf(t, env.host).NetworkingV1().Ingresses(namespace).Patch(t.Context(), name, types.MergePatchType,
		[]byte(`{"status": {"loadBalancer": {"ingress": `+addresses+`}}}`), metav1.PatchOptions{}, "status")
	must(t, err)
}

// The way of a name to the cluster, each step of it broken by hand.
func TestDriftOfTheEndpoint(t *testing.T) {
	env := hostOf(t, newest)
	w := watchedFleet(t, env, "")
	w.clean(t)
	const name = "live.k8s.example.com"
	t.Run("no address", func(t *testing.T) {
		publish(t, env, "live", "live", "null")
		defer publish(t, env, "live", "live", fmt.Sprintf(`[{"ip": %q}]`, entrance))
		if row := want(t, w.drift(t), drift.RuleEndpointRoute); row.Object != "Ingress live/live" {
			t.Errorf("%+v", row)
		}
	})
	t.Run("name leads elsewhere", func(t *testing.T) {
		world.lead(t, name, "198.51.100.7")
		if row := want(t, w.drift(t), drift.RuleEndpointName); !strings.Contains(row.Message, name+" leads to 198.51.100.7, and Ingress live/live publishes "+entrance) {
			t.Errorf("%+v", row)
		}
	})
	t.Run("another certificate", func(t *testing.T) {
		world.route(name, env.host.URL)
		defer world.route(name, w.there.URL)
		row := want(t, w.drift(t), drift.RuleEndpointCertificate, drift.RuleLiveSilent)
		if !strings.Contains(row.Message, "the client certificate of Argo CD's credential does not reach the cluster") {
			t.Errorf("%+v", row)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		world.route(name, "https://127.0.0.1:1")
		defer world.route(name, w.there.URL)
		r := w.drift(t)
		if !strings.Contains(fmt.Sprint(r.Unfinished), liveServer+" cannot be asked") || has(r, drift.RuleEndpointCertificate) {
			t.Errorf("%v", r.Unfinished)
		}
	})
	w.clean(t)
}
