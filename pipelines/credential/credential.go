// Package credential takes the one credential that Argo CD needs out of a
// virtual cluster's kubeconfig. It runs nothing, reads no file, and dials
// nobody, whatever the kubeconfig asks for.
package credential

import (
	"fmt"
	"io"
	"time"
)

// Credential is how a client proves to a virtual cluster who it is, and how it
// knows the cluster: a client certificate with its key, or a bearer token. Its
// fields are secrets; however it is printed, they do not show.
type Credential struct {
	// CAData are the certificates, in PEM, that the server's must come from.
	CAData []byte
	// CertData and KeyData are the client certificate, with its chain, and its
	// key, in PEM.
	CertData, KeyData []byte
	// BearerToken is there where CertData is not.
	BearerToken string
	// Server is the URL in the kubeconfig, in the one spelling that is compared;
	// empty where it means the machine itself, or is none. It is not a secret.
	Server string
	// ServerName is the name in the server's certificate where it is not that
	// of its URL; mostly empty.
	ServerName string
	// NotAfter is when the client certificate or the token ends; zero where a
	// token does not say.
	NotAfter time.Time
}

// String says what kind of credential it is, and no more.
func (c Credential) String() string {
	kind := "no credential"
	switch {
	case c.BearerToken != "":
		kind = "bearer token"
	case len(c.CertData) > 0:
		kind = "client certificate"
	}
	if c.NotAfter.IsZero() {
		return kind
	}
	return fmt.Sprintf("%s until %s", kind, day(c.NotAfter))
}

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// Format prints String under every verb: %x, too, would show the key.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalText returns String, for encoders of JSON, YAML and logs.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
