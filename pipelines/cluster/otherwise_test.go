package cluster

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"testing"
	"unicode"

	"sigs.k8s.io/yaml"
)

func TestOtherwiseKeepsWhatIsEncoded(t *testing.T) {
	text := `{"a": "x\n\u00e9\\y", "b": "p%40\"q"}`
	for _, value := range []string{text, base64.StdEncoding.EncodeToString([]byte(text))} {
		got := otherwise(value, "seed")
		if value != text {
			raw, err := base64.StdEncoding.DecodeString(got)
			if err != nil {
				t.Fatal(err)
			}
			got = string(raw)
		}
		var parsed map[string]string
		if err := json.Unmarshal([]byte(got), &parsed); err != nil || got == text || len(got) != len(text) {
			t.Errorf("%q became %q: %v", text, got, err)
		}
	}
}

func TestOtherwiseKeepsTheForm(t *testing.T) {
	for _, value := range []string{
		`mysql://c4n4ry:pa'ss"w0rd&<x>@db.example.com:3306/k3s?tls=true`, `{"user": "a b", "n": [1, 22]}`, "user: me\npassword: \"hunter2\"\n",
		base64.StdEncoding.EncodeToString([]byte("any bytes, \x00\xff")), "mysql://me:p%40%c3%9Fss@db/k3s", "pässwörd-日本語", "00112233445566778899", "\xff\xfe not UTF-8",
	} {
		got := otherwise(value, "seed")
		if len(got) != len(value) || got != otherwise(value, "seed") || got == otherwise(value, "other seed") {
			t.Errorf("%q became %q, and %q", value, got, otherwise(value, "other seed"))
		}
		for i := range value {
			if c := rune(value[i]); c < unicode.MaxASCII {
				kept := value[i] == got[i]
				if isLetterOrDigit := unicode.IsLetter(c) || unicode.IsDigit(c); kept == isLetterOrDigit {
					t.Errorf("%q became %q: at %d", value, got, i)
				}
			}
		}
		if _, err := url.Parse(value); err == nil {
			if _, err := url.Parse(got); err != nil {
				t.Errorf("%q is a URL, and %q is not", value, got)
			}
		}
		if json.Valid([]byte(value)) != json.Valid([]byte(got)) && value[0] == '{' {
			t.Errorf("%q is JSON, and %q is not", value, got)
		}
		if plain, err := base64.StdEncoding.DecodeString(value); err == nil {
			if other, err := base64.StdEncoding.DecodeString(got); err != nil || len(other) != len(plain) {
				t.Errorf("%q is base64, and %q is not", value, got)
			}
		}
		a, _ := yaml.Marshal(value)
		b, _ := yaml.Marshal(got)
		if len(a) != len(b) {
			t.Errorf("YAML quotes %q and %q in another way", value, got)
		}
	}
}
