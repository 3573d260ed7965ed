package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// called are commands as documents name them: as a code span, behind a prompt, or on a line
// of their own. A sentence that begins so names none.
var called = regexp.MustCompile("(?m)(?:`|^\\s*\\$ |^\\s*(?:dagger run )?)(?:kasou|go run \\./ci) ([a-z][^`\\n#|;&]*)")

var flagName = regexp.MustCompile(`(?:^|\s)--([a-z][a-z-]*)`)

// What documents tell people to type is there: each command that they name, and each of its
// flags.
func TestDocumentsNameCommandsThatAreThere(t *testing.T) {
	root := Command()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob("../../docs/adr/*.md")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, file := range append(append(files, decisions...), "../../README.md", "../../SECURITY.md", "../../CONTRIBUTING.md", "../../CHANGELOG.md") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// A code span may go over two lines.
		text := regexp.MustCompile("(`[^`\n]*)\n *([^`\n]*`)").ReplaceAllString(string(data), "$1 $2")
		for _, m := range called.FindAllStringSubmatch(text, -1) {
			calls++
			if problem := wrongCall(root, m[1]); problem != "" {
				t.Errorf("%s: kasou %s: %s", filepath.Base(file), m[1], problem)
			}
		}
	}
	if calls < 200 {
		t.Errorf("%d calls were found: the pattern no longer finds them", calls)
	}
}

// wrongCall returns what of a call is not there; empty where all of it is.
func wrongCall(root *cobra.Command, call string) string {
	words := strings.Fields(call)
	c, _, err := root.Find(words[:1])
	switch {
	case (err != nil || c == root) && len(words) > 2:
		return ""
	case err != nil || c == root:
		return "there is no such command"
	}
	c.InitDefaultHelpFlag()
	for _, m := range flagName.FindAllStringSubmatch(call, -1) {
		if c.Flags().Lookup(m[1]) == nil && c.InheritedFlags().Lookup(m[1]) == nil {
			return "there is no flag --" + m[1]
		}
	}
	return ""
}
