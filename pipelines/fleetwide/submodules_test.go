package fleetwide

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever text git itself takes a submodule in the clusters folder from, has a finding.
func TestGitSeesNoOtherSubmodules(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	parts := []string{"[submodule \"a\"]", "[submodule \"b]\\\"c\"]", "[x]", "path", "PATH", " = ", "=", "clusters/one", "clu", "sters/one", "\"", "\\", "\\\n", "\\\r\n", "\n", "\r\n", "\r", "\t", " ", "#", ";", "url = a", "\n\tpath = clusters/one\n", "\n[submodule \"a\"]\n"}
	random, file, seen := rand.New(rand.NewPCG(1, 2)), filepath.Join(t.TempDir(), modules), 0
	for range 600 {
		text := "[submodule \"a\"]\n"
		for range 1 + random.IntN(12) {
			text += parts[random.IntN(len(parts))]
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("git", "config", "--file", file, "--null", "--get-regexp", `^submodule\..*\.path$`).Output()
		if err != nil {
			continue // git sees none, or cannot read it
		}
		for _, entry := range strings.Split(string(out), "\x00") {
			if _, value, _ := strings.Cut(entry, "\n"); deploys("clusters", path.Clean(value)) {
				seen++
				if len(submodulesIn("clusters", text)) == 0 {
					t.Errorf("git takes %q from %q", value, text)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("git saw %d submodules in the clusters folder: too few to say anything", seen)
	}
}
