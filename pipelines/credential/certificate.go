package credential

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (p *parser) authority(c clusterEntry, into *Credential) {
	if c.CAData == "" {
		if c.CAFile == "" && !c.Insecure { // those have their finding
			p.fail(RuleMissing, "it has no certificate-authority-data: without it Argo CD could not tell the cluster from another", kubeHint)
		}
		return
	}
	data, certificates := p.certificates("certificate-authority-data", c.CAData)
	for _, certificate := range certificates {
		p.validity("the cluster's CA certificate", certificate.NotBefore, certificate.NotAfter)
	}
	into.CAData = data
}

// user takes the client certificate or the token; both would be two users at
// once, and which of them counts is up to the server.
func (p *parser) user(u userEntry, into *Credential) {
	pair := u.CertData != "" || u.KeyData != ""
	switch {
	case pair && u.Token != "":
		p.fail(RuleRefused, "it has a client certificate and a token: which of the two users counts is up to the server", "Leave one of them in it.")
	case pair:
		p.clientPair(u, into)
	case u.Token != "":
		p.token(u.Token, into)
	case !p.found.Failed():
		p.fail(RuleMissing, "it has neither a client certificate nor a token", kubeHint)
	}
}

func (p *parser) clientPair(u userEntry, into *Credential) {
	if u.CertData == "" || u.KeyData == "" {
		p.fail(RuleMissing, "it has only one of client-certificate-data and client-key-data", kubeHint)
		return
	}
	certPEM, chain := p.certificates("client-certificate-data", u.CertData)
	keyPEM := p.key(u.KeyData)
	if len(chain) == 0 {
		return
	}
	p.leaf(chain[0])
	if keyPEM == nil {
		return
	}
	// The library's message is left out: it was handed a private key.
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		p.fail(RulePair, "client-key-data is not the key of client-certificate-data, or of a kind that TLS does not know", kubeHint)
	}
	into.CertData, into.KeyData, into.NotAfter = certPEM, keyPEM, chain[0].NotAfter.UTC()
}

func (p *parser) leaf(leaf *x509.Certificate) {
	p.validity("the client certificate", leaf.NotBefore, leaf.NotAfter)
	usages := leaf.ExtKeyUsage
	limited := len(usages) > 0 || len(leaf.UnknownExtKeyUsage) > 0
	if limited && !slices.Contains(usages, x509.ExtKeyUsageClientAuth) && !slices.Contains(usages, x509.ExtKeyUsageAny) {
		p.fail(RuleUsage, "the client certificate is not for clients: its extended key usage leaves client authentication out", kubeHint)
	}
}

func (p *parser) validity(what string, notBefore, notAfter time.Time) {
	switch {
	case p.now.After(notAfter):
		p.fail(RuleValidity, what+" expired on "+day(notAfter), freshHint)
	case p.now.Before(notBefore):
		p.fail(RuleValidity, what+" is not valid before "+day(notBefore), "Check this machine's clock.")
	case notAfter.Sub(p.now) < expiringSoon:
		p.warn(RuleExpiring, what+" expires on "+day(notAfter), freshHint)
	}
}

// certificates decodes base64 of PEM of certificates and nothing else. The
// messages name the field alone.
func (p *parser) certificates(field, text string) ([]byte, []*x509.Certificate) {
	data, blocks, ok := p.blocks(field, text)
	if !ok {
		return nil, nil
	}
	var parsed []*x509.Certificate
	for _, block := range blocks {
		if block.Type != "CERTIFICATE" {
			p.fail(RulePEM, field+" holds something else than certificates", kubeHint)
			return nil, nil
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			p.fail(RulePEM, field+" holds a certificate that does not parse", kubeHint)
			return nil, nil
		}
		parsed = append(parsed, certificate)
	}
	return data, parsed
}

// key wants one private key, without a passphrase; openssl writes its
// parameters before an EC key.
func (p *parser) key(text string) []byte {
	const field = "client-key-data"
	data, blocks, ok := p.blocks(field, text)
	if !ok {
		return nil
	}
	keys := 0
	for _, block := range blocks {
		switch block.Type {
		case "EC PARAMETERS":
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			keys++
			if block.Headers["DEK-Info"] != "" {
				keys = len(blocks) + 1
			}
		default:
			keys = len(blocks) + 1
		}
	}
	if keys != 1 {
		p.fail(RulePEM, field+" does not hold exactly one private key without a passphrase", kubeHint)
		return nil
	}
	return data
}

func (p *parser) blocks(field, text string) ([]byte, []*pem.Block, bool) {
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		p.fail(RulePEM, field+" is not base64", kubeHint)
		return nil, nil, false
	}
	var blocks []*pem.Block
	for rest := data; ; {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		// What does not begin a line's block is text beside it.
		if !bytes.HasPrefix(bytes.TrimSpace(rest), []byte("-----BEGIN "+block.Type+"-----")) {
			p.fail(RulePEM, field+" holds text beside its PEM", kubeHint)
			return nil, nil, false
		}
		blocks, rest = append(blocks, block), after
		if len(bytes.TrimSpace(rest)) == 0 {
			return data, blocks, true
		}
	}
	p.fail(RulePEM, fmt.Sprintf("%s is not PEM after its first %d blocks", field, len(blocks)), kubeHint)
	return nil, nil, false
}
