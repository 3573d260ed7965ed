package credential

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// shortestToken has 128 bits in base64: what is shorter could be guessed.
const shortestToken = 22

// token takes a bearer token: a ServiceAccount's, which is a JWT and can say
// when it ends, or any other that fits into a header.
func (p *parser) token(token string, into *Credential) {
	switch {
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		p.fail(RuleToken, "its token has spaces, line ends or other characters that no token has", "Give the token as it is, decoded, on one line.")
		return
	case len(token) < shortestToken:
		p.fail(RuleToken, "its token is too short to be one", kubeHint)
		return
	}
	into.BearerToken = token
	notBefore, notAfter, ok := lifetime(token)
	if !ok {
		return
	}
	p.validity("the token", notBefore, notAfter)
	into.NotAfter = notAfter
}

// lifetime reads a JWT's nbf and exp. The signature is for the server to check.
func lifetime(token string) (notBefore, notAfter time.Time, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return notBefore, notAfter, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return notBefore, notAfter, false
	}
	var claims struct{ Nbf, Exp float64 }
	const lastYear = 253402300799 // of four digits
	if json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 || claims.Exp > lastYear || claims.Nbf < 0 || claims.Nbf > lastYear {
		return notBefore, notAfter, false
	}
	if claims.Nbf > 0 {
		notBefore = time.Unix(int64(claims.Nbf), 0).UTC()
	}
	return notBefore, time.Unix(int64(claims.Exp), 0).UTC(), true
}
