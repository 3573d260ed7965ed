package host

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The certificate is seen, whoever it is from, and no request arrives.
func TestServedSeesACertificateAndSendsNothing(t *testing.T) {
	asked := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(server.Close)
	chain, err := Served(background(t), server.URL, "any.example.org", Options{})
	if err != nil || len(chain) == 0 || !chain[0].Equal(server.Certificate()) || asked {
		t.Errorf("%d certificates, %v, a request %t", len(chain), err, asked)
	}
}

// Whoever shows no certificate is unreachable, in time.
func TestServedNothing(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for name, address := range map[string]string{
		"nobody": "127.0.0.1:1", "no TLS": strings.TrimPrefix(plain.URL, "http://"), "no answer": silent.Addr().String(),
	} {
		start := time.Now()
		_, err := Served(background(t), "https://"+address, "a.example.com", Options{Timeout: 300 * time.Millisecond})
		if _, ok := errors.AsType[*UnreachableError](err); !ok || time.Since(start) > 5*time.Second {
			t.Errorf("%s: %v after %s", name, err, time.Since(start))
		}
	}
}

func TestAddressesOfAnAddress(t *testing.T) {
	for _, text := range []string{"192.0.2.7", "::ffff:192.0.2.7"} {
		if found, err := Addresses(background(t), text); err != nil || len(found) != 1 || found[0].String() != "192.0.2.7" {
			t.Errorf("%s: %v, %v", text, found, err)
		}
	}
}
