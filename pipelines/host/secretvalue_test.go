package host

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestSecretValue(t *testing.T) {
	for name, test := range map[string]struct {
		answer    http.HandlerFunc
		key       string
		want      string
		none      bool
		forbidden string
	}{
		"there":     {secretOf(map[string][]byte{"url": []byte("s3cr3t\n")}), "url", "s3cr3t\n", false, ""},
		"empty":     {secretOf(map[string][]byte{"url": {}}), "url", "", false, ""},
		"no key":    {secretOf(map[string][]byte{"other": []byte("s3cr3t")}), "url", "", true, ""},
		"no Secret": {nil, "url", "", true, ""},
		"forbidden": {forbidden("secrets \"vc-dev\""), "url", "", false, "forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			h := opened(t, serve(t, map[string]http.HandlerFunc{secretPath: test.answer}), Options{})
			got, err := SecretValue(background(t), h, "dev", "vc-dev", test.key)
			var none *NoSecretError
			if string(got) != test.want || errors.As(err, &none) != test.none || !test.none && kindOf(err) != test.forbidden {
				t.Errorf("%q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}
