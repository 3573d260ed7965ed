//go:build unix

package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kasou/pipelines/layout"
)

// What a folder can hold beside what it should. Made at run time: git and
// other file systems do not keep such folders.
func TestLoadFolders(t *testing.T) {
	link := func(target, name string) func(*testing.T, string) {
		return func(t *testing.T, clusters string) {
			if err := os.Symlink(target, filepath.Join(clusters, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	fifo := func(name string) func(*testing.T, string) {
		return func(t *testing.T, clusters string) {
			if err := syscall.Mkfifo(filepath.Join(clusters, name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		more  func(t *testing.T, clusters string)
		want  string // one finding: file: severity: part of the message or hint [rule]
		part  string
	}{
		{"nothing in it", map[string]string{"a/README.md": ""}, nil, "clusters/a/spec.yaml: error [fleet-missing-spec]", "kasou new a"},
		{"ending yml", map[string]string{"a/spec.yml": "", "a/lock.yaml": ""}, nil, "clusters/a/spec.yaml: error [fleet-missing-spec]", "Rename spec.yml"},
		{"other case", map[string]string{"a/Spec.yaml": ""}, nil, "clusters/a/spec.yaml: error [fleet-missing-spec]", "Rename Spec.yaml"},
		{"two specs", map[string]string{"a/spec.yaml": specOf("a", "{}"), "a/spec.yml": ""}, nil, "clusters/a/spec.yml: warning [fleet-file-name]", "is not read"},
		{"two fleet files", map[string]string{"fleet.yml": ""}, nil, "clusters/fleet.yml: warning [fleet-file-name]", "is not read"},
		{"spec in root", map[string]string{"root/spec.yaml": ""}, nil, "clusters/root/spec.yaml: error [fleet-reserved-folder]", "another name"},
		{"folders differ in case", map[string]string{"a/spec.yaml": specOf("a", "{}"), "A/lock.yaml": ""}, nil, "clusters/a: error [fleet-folder-case]", "A and a"},
		{"too large", map[string]string{"a/spec.yaml": strings.Repeat("#", MaxFileSize+1)}, nil, "clusters/a/spec.yaml: error [fleet-too-large]", "1048576"},
		{"spec is a folder", map[string]string{"a/spec.yaml/x": ""}, nil, "clusters/a/spec.yaml: error [fleet-not-regular]", "a folder"},
		{"spec is a link", map[string]string{"a/lock.yaml": ""}, link("/dev/zero", "a/spec.yaml"), "clusters/a/spec.yaml: error [fleet-not-regular]", "symbolic link"},
		{"spec is a pipe", map[string]string{"a/lock.yaml": ""}, fifo("a/spec.yaml"), "clusters/a/spec.yaml: error [fleet-not-regular]", "named pipe"},
		{"folder is a link", map[string]string{"_a/spec.yaml": ""}, link("_a", "a"), "clusters/a: error [fleet-not-regular]", "symbolic link"},
		{"folder is a link out", nil, link("/etc", "a"), "clusters/a: error [fleet-not-regular]", "symbolic link"},
		{"pipe beside the folders", nil, fifo("a"), "clusters/a: error [fleet-not-regular]", "neither"},
		{"link to a file", map[string]string{"x.crt": ""}, link("x.crt", "y.crt"), "", ""},
		{"an empty folder", nil, func(t *testing.T, clusters string) {
			if err := os.Mkdir(filepath.Join(clusters, "a"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "", ""},
		{"what is ignored", map[string]string{".git/a": "", "_b/spec.yaml": "?", "root/a.yaml": "?", "notes.txt": ""}, nil, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := repo(t, tt.files)
			if tt.more != nil {
				tt.more(t, filepath.Join(root, "clusters"))
			}
			f, findings := load(t, root)
			var got []string
			for _, found := range findings {
				got = append(got, found.Position()+": "+found.Severity.String()+" ["+string(found.Rule)+"]")
				if !strings.Contains(found.Message+found.Hint, tt.part) {
					t.Errorf("%s, hint %s: no %q in it", found, found.Hint, tt.part)
				}
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.want != "" && findings.Failed() && len(f.Retired) > 0 && f.Retired[0] == "a" {
				t.Error("a cluster with a spec that cannot be read counts as retired")
			}
		})
	}
}

func TestLoadRetired(t *testing.T) {
	f := sound(t, map[string]string{"a/spec.yaml": specOf("a", "{}"), "gone/lock.yaml": "", "b/spec.yaml": specOf("b", "{}")})
	if got := strings.Join(f.Retired, " "); got != "gone" {
		t.Errorf("retired %q", got)
	}
	if got := strings.Join(f.Names(), " "); got != "a b" {
		t.Errorf("names %q", got)
	}
	if c, ok := f.Cluster("b"); !ok || c.Name != "b" {
		t.Errorf("cluster b: %v %v", c.Name, ok)
	}
	if _, ok := f.Cluster("gone"); ok {
		t.Error("a retired cluster is found")
	}
}

// A fleet.yaml that is a link out of the repo is not followed.
func TestLoadStaysInside(t *testing.T) {
	root := repo(t, nil)
	file := filepath.Join(root, "clusters", layout.Fleet)
	outside := filepath.Join(t.TempDir(), "fleet.yaml")
	if err := os.Rename(file, outside); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, file); err != nil {
		t.Fatal(err)
	}
	_, findings := load(t, root)
	if len(findings) != 1 || findings[0].Rule != RuleNotRegular {
		t.Errorf("findings:\n%s", text(findings))
	}
}

func TestLoadRefusesFolder(t *testing.T) {
	root := repo(t, nil)
	for _, dir := range []string{"missing", ".", "..", "/etc", "../clusters", ""} {
		if _, _, err := Load(root, dir); err == nil {
			t.Errorf("%q: no error", dir)
		}
	}
	if _, _, err := Load("relative", "clusters"); err == nil {
		t.Error("relative root: no error")
	}
}
