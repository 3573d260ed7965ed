package chart

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

func pathRef(path string) fleet.Chart { return fleet.Chart{Path: path} }

// folderChart writes a chart's folder charts/demo into a new repo.
func folderChart(t *testing.T, files map[string]string) (root, folder string) {
	t.Helper()
	root = t.TempDir()
	folder = filepath.Join(root, "charts", "demo")
	writeFile(t, filepath.Join(folder, "Chart.yaml"), chartYAML)
	for name, data := range files {
		writeFile(t, filepath.Join(folder, name), data)
	}
	return root, folder
}

func TestLocalArchive(t *testing.T) {
	root := t.TempDir()
	archive := packChart(t, "demo", "1.2.3", "one")
	writeFile(t, filepath.Join(root, "charts/demo.tgz"), string(archive))
	ch, pin := fetch(t, NewStore(root), pathRef("charts/demo.tgz"), nil)
	if ch.Digest != manifest.Digest(archive) || ch.Source != "charts/demo.tgz" || pin != (lockfile.ChartLock{Path: "charts/demo.tgz", Digest: ch.Digest}) {
		t.Errorf("chart %s, pin %+v", ch.Digest, pin)
	}
}

func TestFolderDigestIsOfNamesAndContentsAlone(t *testing.T) {
	files := map[string]string{"values.yaml": "a: 1\n", "templates/a.yaml": "a", "templates/a/b.yaml": "b"}
	root, folder := folderChart(t, files)
	ch, pin := fetch(t, NewStore(root), pathRef("charts/demo"), nil)

	again, other := folderChart(t, files)
	if err := os.Chmod(filepath.Join(other, "values.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(other, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if same, _ := fetch(t, NewStore(again), pathRef("./charts/demo/"), &pin); same.Digest != ch.Digest || string(same.Archive) != string(ch.Archive) {
		t.Errorf("another digest for the same files: %s, %s", ch.Digest, same.Digest)
	}
	writeFile(t, filepath.Join(folder, "values.yaml"), "a: 2\n")
	fetchFinding(t, NewStore(root), pathRef("charts/demo"), &pin, RuleDigest, ch.Digest, "kasou lock development", "edited")
}

func TestHelmignore(t *testing.T) {
	root, _ := folderChart(t, map[string]string{
		".helmignore":        "# comment\n*.bak\nnotes/\n",
		"values.yaml":        "",
		"values.yaml.bak":    "",
		"notes/a.txt":        "",
		"templates/a.yaml":   "",
		"templates/.hidden":  "",
		"templates/a.md.bak": "",
	})
	ch, _ := fetch(t, NewStore(root), pathRef("charts/demo"), nil)
	got := strings.Join(archiveNames(t, ch.Archive), " ")
	if want := ".helmignore Chart.yaml templates/a.yaml values.yaml"; got != want {
		t.Errorf("packed %q, want %q", got, want)
	}
}

func TestPathProblems(t *testing.T) {
	outside := t.TempDir()
	writeFile(t, filepath.Join(outside, "Chart.yaml"), chartYAML)
	writeFile(t, filepath.Join(outside, "secret"), "pw123")
	for _, test := range []struct {
		name, path string
		change     func(root, folder string) error
		rule       finding.Rule
		words      string
	}{
		{"missing", "charts/none", nil, RulePath, "is not there"},
		{"above the repo", "../x", nil, RulePath, "not inside the repo"},
		{"absolute", outside, nil, RulePath, "not inside the repo"},
		{"below a file", "charts/demo/Chart.yaml/x", nil, RulePath, "not a folder"},
		{"a link out of the repo", "link", func(root, _ string) error { return os.Symlink(outside, filepath.Join(root, "link")) }, RulePath, "leaves the repo"},
		{"a file linked from outside", "charts/demo", func(_, folder string) error {
			return os.Symlink(filepath.Join(outside, "secret"), filepath.Join(folder, "secret"))
		}, RuleSymlink, "charts/demo/secret"},
		{"a file linked from elsewhere in the repo", "charts/demo", func(root, folder string) error {
			writeFile(t, filepath.Join(root, ".git/config"), "token")
			return os.Symlink("../../.git/config", filepath.Join(folder, "config"))
		}, RuleSymlink, "charts/demo/config"},
		{"a folder linked from outside", "charts/demo", func(_, folder string) error {
			return os.Symlink(outside, filepath.Join(folder, "templates"))
		}, RuleSymlink, "charts/demo/templates"},
		{"a .helmignore linked from outside", "charts/demo", func(_, folder string) error {
			return os.Symlink(filepath.Join(outside, "secret"), filepath.Join(folder, ".helmignore"))
		}, RuleSymlink, "charts/demo/.helmignore"},
		{"a link to itself", "charts/demo", func(_, folder string) error { return os.Symlink("loop", filepath.Join(folder, "loop")) }, RulePath, "leads to itself"},
		{"a circle of folders", "charts/demo", func(_, folder string) error { return os.Symlink(".", filepath.Join(folder, "again")) }, RulePath, "leads to itself"},
		{"a pipe", "charts/demo", func(_, folder string) error { return syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600) }, RulePath, "neither a file nor a folder"},
		{"a large file", "charts/demo", func(_, folder string) error { return os.Truncate(filepath.Join(folder, "values.yaml"), 6<<20) }, RuleArchive, "5242880"},
		{"no chart", "charts", nil, RuleNotAChart, "no Chart.yaml"},
		{"no archive", "charts/demo/values.yaml", nil, RuleArchive, "gzip"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root, folder := folderChart(t, map[string]string{"values.yaml": "a: 1\n"})
			if test.change != nil {
				if err := test.change(root, folder); err != nil {
					t.Fatal(err)
				}
			}
			fetchFinding(t, NewStore(root), pathRef(test.path), nil, test.rule, test.words)
		})
	}
}
