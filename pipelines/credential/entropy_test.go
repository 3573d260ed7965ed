package credential

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func jwtOf(header, signature string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(`{"sub":"system:serviceaccount:default:argocd"}`)) + "." + signature
}

func TestStrong(t *testing.T) {
	signature := base64.RawURLEncoding.EncodeToString([]byte("\x8f\x13\xc5\x7b\x02\xee\x91\x46\xd8\x3a\x6f\xb0\x25\x99\xe4\x5c\x17\xaa\x70\xcb\x3e\x84\xf9\x12\x68\xdd\x4b\xa6\x01\x7f\xb3\x9e"))
	for name, test := range map[string]struct {
		credential Credential
		want       bool
	}{
		"a client key":              {Credential{CertData: []byte("c"), KeyData: []byte("k")}, true},
		"nothing":                   {Credential{}, false},
		"a person's password":       {Credential{BearerToken: "Summer2026!Summer2026!"}, false},
		"the same without signs":    {Credential{BearerToken: "Summer2026Summer2026Summer2026Summer2026"}, false},
		"words":                     {Credential{BearerToken: "CorrectHorseBatteryStapleIsWhatTheySay2026"}, false},
		"small words":               {Credential{BearerToken: "correct-horse-battery-staple-is-what-they-say"}, false},
		"the alphabet":              {Credential{BearerToken: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, false},
		"one letter":                {Credential{BearerToken: strings.Repeat("a", 100)}, false},
		"hexadecimal words":         {Credential{BearerToken: strings.Repeat("deadbeef", 8)}, false},
		"digits":                    {Credential{BearerToken: strings.Repeat("31415926535897932384", 3)}, false},
		"a bootstrap token":         {Credential{BearerToken: "07401b.f395accd246ae52d"}, false},
		"random in hexadecimal":     {Credential{BearerToken: "8f13c57b02ee9146d83a6fb02599e45c17aa70cb3e84f912"}, true},
		"random in base64":          {Credential{BearerToken: "jxPFewLukUbYOm+wJZnkXBeqcMs+hPkSaN1LpgF/s54="}, true},
		"a JWT":                     {Credential{BearerToken: jwtOf(`{"alg":"RS256"}`, signature)}, true},
		"a JWT without a signature": {Credential{BearerToken: jwtOf(`{"alg":"none"}`, "")}, false},
		"one that says none":        {Credential{BearerToken: jwtOf(`{"alg":"none"}`, signature)}, false},
		"one with a made-up one":    {Credential{BearerToken: jwtOf(`{"alg":"HS256"}`, strings.Repeat("A", 43))}, false},
		"one with a short one":      {Credential{BearerToken: jwtOf(`{"alg":"HS256"}`, signature[:16])}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.credential.Strong(); got != test.want {
				t.Errorf("strong: %t, want %t; %.0f bits", got, test.want, randomBits(test.credential.BearerToken))
			}
		})
	}
}

// Of random tokens few are taken for made-up ones.
func TestRandomTokensAreStrong(t *testing.T) {
	const tries = 2000
	weak := 0
	for range tries / 2 {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw)
		for _, token := range []string{hex.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw)} {
			if !(Credential{BearerToken: token}).Strong() {
				weak++
			}
		}
	}
	t.Logf("%d of %d", weak, tries)
	if weak > tries/20 {
		t.Errorf("%d of %d random tokens are taken for weak", weak, tries)
	}
}
