package drift

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
)

// authority signs certificates for the loopback address.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "virtual-ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-3 * 365 * 24 * time.Hour), NotAfter: time.Now().Add(10 * 365 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return authority{cert, key}
}

func (a authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// serve shows a certificate to whoever connects, and returns the server's URL.
func (a authority) serve(t *testing.T, ends time.Duration, names []string, ips ...net.IP) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"}, DNSNames: names, IPAddresses: ips,
		NotBefore: time.Now().Add(-365 * 24 * time.Hour), NotAfter: time.Now().Add(ends), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	must(t, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).HandshakeContext(context.Background())
			_ = c.Close()
		}
	}()
	return "https://" + l.Addr().String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// endpointAt is the endpoint of a server, with what the credential knows of its authority.
func endpointAt(t *testing.T, server string, a *authority) *endpoint {
	t.Helper()
	var c fleet.Cluster
	c.Name, c.Spec.Server = "dev", server
	var cred *credential.Credential
	if a != nil {
		cred = &credential.Credential{CAData: a.pem(), CertData: []byte("certificate-canary"), KeyData: []byte("key-canary")}
	}
	l := &liveWatch{watch: &watch{options: Options{Now: time.Now(), Within: DefaultWithin}}, reach: newReach(patience)}
	e := l.endpointOf(c, cred)
	if e != nil {
		e.through = "TLSRoute dev/dev"
	}
	return e
}

// expect wants one row of a rule with a text, or one unknown where the rule is
// RuleUnknown, or none where the text is empty.
func expect(t *testing.T, rows []report.Row, rule finding.Rule, text string) {
	t.Helper()
	if text == "" {
		if len(rows) > 0 {
			t.Errorf("want no row, got %+v", rows)
		}
		return
	}
	if len(rows) != 1 || rows[0].Rule != rule || !strings.Contains(rows[0].Message, text) || rows[0].Unknown != (rule == RuleUnknown) || rows[0].Drifted() == rows[0].Unknown {
		t.Errorf("want %s with %q, got %+v", rule, text, rows)
	}
	for _, r := range rows {
		if strings.Contains(r.Message+r.Hint, "canary") {
			t.Errorf("a secret value shows: %+v", r)
		}
	}
}

func TestServedCertificates(t *testing.T) {
	own, other := newAuthority(t), newAuthority(t)
	year, loopback := 365*24*time.Hour, net.IPv4(127, 0, 0, 1)
	for name, test := range map[string]struct {
		server string
		rule   finding.Rule
		want   string
	}{
		"good":       {own.serve(t, year, nil, loopback), "", ""},
		"other name": {own.serve(t, year, []string{"a.example.com"}), RuleEndpointCertificate, "is not for 127.0.0.1; it is for a.example.com"},
		"no name":    {own.serve(t, year, nil), RuleEndpointCertificate, "it is for no name"},
		"ends soon":  {own.serve(t, 24*time.Hour, nil, loopback), RuleEndpointCertificate, "ends at"},
		"ended":      {own.serve(t, -time.Hour, nil, loopback), RuleEndpointCertificate, "ended at"},
		"terminated": {other.serve(t, year, nil, loopback), RuleEndpointCertificate, "the client certificate of Argo CD's credential does not reach the cluster"},
		"nobody":     {"https://127.0.0.1:1", RuleUnknown, "https://127.0.0.1:1 cannot be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			e := endpointAt(t, test.server, &own)
			expect(t, e.certificateRows(t.Context()), test.rule, test.want)
			if e.proved != (name != "terminated" && name != "nobody") {
				t.Errorf("proved %t", e.proved)
			}
		})
	}
	// Without a credential nobody knows whose it should be.
	expect(t, endpointAt(t, other.serve(t, year, nil, loopback), nil).certificateRows(t.Context()), "", "")
}

// resolver makes a DNS server on the loopback address the resolver of this process. A
// name that it does not know does not exist; one without addresses gets no answer.
func resolver(t *testing.T, names map[string][]string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Resolver: before}).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
	t.Cleanup(func() { net.DefaultResolver = before; _ = c.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := answerOf(buffer[:n], names); answer != nil {
				_, _ = c.WriteTo(answer, from)
			}
		}
	}()
}

func answerOf(question []byte, names map[string][]string) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	addresses, known := names[strings.TrimSuffix(q.Name.String(), ".")]
	if known && len(addresses) == 0 {
		return nil
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addresses {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
			})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func TestWhereANameLeads(t *testing.T) {
	resolver(t, map[string][]string{
		"good.example.com": {"203.0.113.9"}, "old.example.com": {"198.51.100.7"}, "both.example.com": {"203.0.113.9", "198.51.100.7"},
		"inside.example.com": {"10.0.0.9"}, "lb.example.com": {"203.0.113.9", "203.0.113.10"}, "dark.example.com": nil,
	})
	for name, test := range map[string]struct {
		host      string
		published []string
		proved    bool
		rule      finding.Rule
		want      string
	}{
		"good":                   {"good", []string{"203.0.113.9"}, false, "", ""},
		"by a name":              {"good", []string{"lb.example.com"}, false, "", ""},
		"elsewhere":              {"old", []string{"203.0.113.9"}, true, RuleEndpointName, "old.example.com leads to 198.51.100.7, and TLSRoute dev/dev publishes 203.0.113.9"},
		"some elsewhere":         {"both", []string{"203.0.113.9"}, false, RuleEndpointName, "leads to 198.51.100.7, 203.0.113.9"},
		"not by that name":       {"old", []string{"lb.example.com"}, false, RuleEndpointName, "publishes 203.0.113.9, 203.0.113.10"},
		"nothing published":      {"old", nil, false, "", ""},
		"not there":              {"none", []string{"203.0.113.9"}, false, RuleEndpointName, "none.example.com is not in the DNS of this machine; it should lead to 203.0.113.9"},
		"not there, private":     {"none", []string{"10.0.0.9"}, false, RuleUnknown, "it may be known in the network of Argo CD alone"},
		"not there, unpublished": {"none", nil, false, RuleUnknown, "is not in the DNS of this machine"},
		"translated":             {"good", []string{"10.0.0.9"}, true, "", ""},
		"perhaps translated":     {"good", []string{"10.0.0.9"}, false, RuleUnknown, "cannot be compared from here"},
		"split":                  {"inside", []string{"203.0.113.9"}, false, RuleUnknown, "cannot be compared from here"},
		"published name is none": {"good", []string{"none.example.com"}, false, RuleUnknown, "publishes none.example.com, which cannot be resolved"},
	} {
		t.Run(name, func(t *testing.T) {
			e := endpointAt(t, "https://"+test.host+".example.com", nil)
			e.published, e.proved = test.published, test.proved
			expect(t, e.nameRows(t.Context()), test.rule, test.want)
		})
	}
	t.Run("no resolver", func(t *testing.T) {
		e := endpointAt(t, "https://dark.example.com", nil)
		e.published = []string{"203.0.113.9"}
		expect(t, e.nameRows(t.Context()), RuleUnknown, "the resolver of this machine does not answer")
	})
}

// A name in the host itself cannot be asked from elsewhere.
func TestWhichServersHaveAnEndpoint(t *testing.T) {
	for server, want := range map[string]bool{
		"https://dev.k8s.example.com": true, "https://203.0.113.9:6443": true, "https://[2001:db8::1]": true,
		"https://dev.dev.svc": false, "https://dev.dev.svc.cluster.local:443": false, "https://dev": false, "": false,
	} {
		if got := endpointAt(t, server, nil) != nil; got != want {
			t.Errorf("%q: %t", server, got)
		}
	}
}
