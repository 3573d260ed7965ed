//go:build linux

package fleet

import (
	"os"
	"strings"
	"testing"
)

// /proc has a plain file that even root can open and not read.
func TestUnreadableFile(t *testing.T) {
	folder, err := os.OpenRoot("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	l := &loader{folder: folder, dir: "clusters"}
	for name, want := range map[string]string{"mem": "input/output error", "no-such": "no such file"} {
		l.findings = nil
		if _, ok := l.read(name); ok {
			t.Fatalf("%s was read", name)
		}
		if len(l.findings) != 1 || l.findings[0].Rule != RuleUnreadable || !strings.Contains(l.findings[0].Message, want) {
			t.Errorf("findings:\n%s", text(l.findings))
		}
	}
	l.findings = nil
	if l.cluster("no-such"); len(l.findings) != 1 || l.findings[0].Rule != RuleUnreadable {
		t.Errorf("findings:\n%s", text(l.findings))
	}
}
