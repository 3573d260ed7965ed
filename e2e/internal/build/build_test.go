package build

import (
	"os"
	"testing"
)

// The tests' own proxy knows nobody but their servers: through it no module comes.
func TestTheGoCommandKeepsTheProxyThatItHad(t *testing.T) {
	before := os.Getenv("HTTPS_PROXY")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	got, err := goCommand(t.Context(), ".", "run", "./testdata/proxy")
	if err != nil {
		t.Fatal(err)
	}
	if got != before {
		t.Errorf("the go command is sent to %q, was to %q", got, before)
	}
}
