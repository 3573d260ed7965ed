package host

import (
	"net/http"
	"testing"
)

// Providers add to the version, and a proxy in between answers anything.
func TestVersion(t *testing.T) {
	for name, c := range map[string]struct {
		answer     http.HandlerFunc
		want, kind string
	}{
		"plain":      {reply(http.StatusOK, map[string]string{"gitVersion": "v1.34.1"}), "1.34.1", ""},
		"a provider": {reply(http.StatusOK, map[string]string{"gitVersion": "v1.33.4-eks-99bf9d5"}), "1.33.4", ""},
		"another":    {reply(http.StatusOK, map[string]string{"gitVersion": "v1.32.9+k3s1"}), "1.32.9", ""},
		"none":       {reply(http.StatusOK, map[string]string{"gitVersion": "$(echo)\n"}), "", "other"},
		"garbage":    {text(http.StatusOK, "<html>"), "", "unreachable"},
	} {
		h := opened(t, serve(t, map[string]http.HandlerFunc{"GET /version": c.answer}), Options{Retries: -1})
		got, err := h.Version(background(t))
		if got != c.want || (err != nil) != (c.kind != "") || c.kind == "unreachable" && kindOf(err) != c.kind {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
