package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// lookupTimeout bounds one question to the resolver.
const lookupTimeout = 5 * time.Second

// Addresses returns the IP addresses that a host name has for the resolver of this
// machine, sorted. An address is its own. The error is a *net.DNSError, whose IsNotFound
// tells a name that the resolver does not know from a resolver that does not answer.
func Addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found), err
}

// Proxied reports whether a request to the server goes through the proxy of HTTPS_PROXY,
// which then resolves the server's name.
func Proxied(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
	return err == nil && proxy != nil
}

// errSeen ends a handshake in which the certificate was seen.
var errSeen = errors.New("the certificate was seen")

// Served returns the certificates that a server shows for a name (SNI), the leaf first.
// It shows no client certificate and sends no request: it ends the handshake when it has
// seen them, and verifies nothing. The error is an *UnreachableError.
func Served(ctx context.Context, server, name string, o Options) ([]*x509.Certificate, error) {
	o = o.withDefaults()
	var seen []*x509.Certificate
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: o.Timeout,
		TLSClientConfig: &tls.Config{
			ServerName: name, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: true, //nolint:gosec // the caller looks at what is shown, and nothing is sent
			VerifyConnection: func(s tls.ConnectionState) error {
				seen = s.PeerCertificates
				return errSeen
			},
		},
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, server, nil)
	if err == nil {
		var response *http.Response
		if response, err = transport.RoundTrip(request); err == nil {
			_ = response.Body.Close()
			err = errors.New("it does not speak TLS")
		}
	}
	if errors.Is(err, errSeen) && len(seen) > 0 {
		return seen, nil
	}
	reached := &UnreachableError{Doing: "looking at its certificate", Whom: server, Reason: plain(err.Error()), Err: err}
	if errors.Is(err, context.DeadlineExceeded) {
		reached.Reason = "no answer within " + o.Timeout.String()
	}
	return nil, reached
}
