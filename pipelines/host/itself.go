package host

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
)

// httpsPort is the one that the Service kubernetes listens at, whatever the API
// server's own is.
const httpsPort = "443"

// HasAsOwn reports whether a kubeconfig with the server and the certificate authority, in
// PEM, is of the host itself: both are those by which kasou asks it. An empty server is one
// that Argo CD cannot dial, such as a loopback address. It makes no request.
func (h *Host) HasAsOwn(server string, ca []byte) bool {
	config := *h.config
	if rest.LoadTLSFiles(&config) != nil || len(config.CAData) == 0 {
		return false
	}
	asked, err := url.Parse(server)
	own, errOwn := url.Parse(config.Host)
	if err != nil || errOwn != nil || !bytes.Equal(bytes.TrimSpace(config.CAData), bytes.TrimSpace(ca)) {
		return false
	}
	return server == "" || strings.EqualFold(asked.Hostname(), own.Hostname()) && cmp.Or(asked.Port(), httpsPort) == cmp.Or(own.Port(), httpsPort)
}

// IsItself reports whether an https URL leads to the host's own API server: to the
// address that the kubeconfig has, or to a name or an address in the certificate
// that the server shows, at its own port or that of its Service. A certificate
// that cannot be had is one without names: whoever asks the host for anything
// else hears why.
func (h *Host) IsItself(ctx context.Context, server string) bool {
	asked, err := url.Parse(server)
	own, errOwn := url.Parse(h.config.Host)
	if err != nil || errOwn != nil {
		return false
	}
	port, ownPort := cmp.Or(asked.Port(), httpsPort), cmp.Or(own.Port(), httpsPort)
	name := strings.ToLower(asked.Hostname())
	if name == strings.ToLower(own.Hostname()) && port == ownPort {
		return true
	}
	if port != ownPort && port != httpsPort {
		return false
	}
	certificate := served(ctx, h)
	if certificate == nil {
		return false
	}
	if address, err := netip.ParseAddr(name); err == nil {
		for _, ip := range certificate.IPAddresses {
			if known, ok := netip.AddrFromSlice(ip); ok && known.Unmap() == address.Unmap() {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(certificate.DNSNames, func(known string) bool { return strings.EqualFold(known, name) })
}

// served returns the certificate that the API server shows, which is asked once;
// nil where it cannot be had.
func served(ctx context.Context, h *Host) *x509.Certificate {
	h.certificate.Do(func() {
		client, err := rest.HTTPClientFor(h.config)
		if err != nil {
			return
		}
		asking, cancel := context.WithTimeout(ctx, h.options.Timeout)
		defer cancel()
		request, err := http.NewRequestWithContext(asking, http.MethodHead, strings.TrimRight(h.config.Host, "/")+"/version", nil)
		if err != nil {
			return
		}
		answer, err := client.Do(request)
		if err != nil {
			return
		}
		_ = answer.Body.Close()
		if answer.TLS != nil && len(answer.TLS.PeerCertificates) > 0 {
			h.shown = answer.TLS.PeerCertificates[0]
		}
	})
	return h.shown
}
