package release

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

type renovate struct {
	GithubActions struct {
		ManagerFilePatterns []string
	} `json:"github-actions"`
	CustomManagers []struct {
		Description                       string
		ManagerFilePatterns, MatchStrings []string
		DatasourceTemplate                string
	}
	IgnorePaths  []string
	PackageRules []struct{ MatchPackageNames, MatchFileNames []string }
}

func load(t *testing.T, name string) renovate {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	var r renovate
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// pattern compiles one of Renovate's: its groups are written as Go writes them, too.
func pattern(t *testing.T, text string) *regexp.Regexp {
	t.Helper()
	return regexp.MustCompile(strings.Trim(text, "/"))
}

// Every pattern finds what it is for: one that finds nothing updates nothing, silently.
func TestRenovateFindsWhatItUpdates(t *testing.T) {
	r := load(t, "renovate.json")
	files := strings.Fields(command(t, root, nil, "git", "ls-files"))
	for _, text := range r.GithubActions.ManagerFilePatterns {
		if !matchesAny(pattern(t, text), files) {
			t.Errorf("no file is %s", text)
		}
	}
	for _, m := range r.CustomManagers {
		found := 0
		for _, file := range files {
			if !matchesAny(pattern(t, m.ManagerFilePatterns[0]), []string{file}) {
				continue
			}
			data, err := os.ReadFile(filepath.Join(root, file))
			if err != nil {
				t.Fatal(err)
			}
			found += len(pattern(t, m.MatchStrings[0]).FindAllSubmatch(data, -1))
		}
		if found == 0 {
			t.Errorf("%s: nothing is found", m.Description)
		}
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range r.PackageRules {
		for _, name := range rule.MatchPackageNames {
			if !strings.Contains(string(mod), strings.TrimSuffix(name, "**")) {
				t.Errorf("go.mod has no %s", name)
			}
		}
	}
}

func matchesAny(re *regexp.Regexp, files []string) bool {
	for _, f := range files {
		if re.MatchString(f) {
			return true
		}
	}
	return false
}

// The preset of fleets finds a tool's image, and leaves alone every file that the example
// has generated.
func TestRenovateOfFleets(t *testing.T) {
	r := load(t, "renovate/fleet.json")
	image := pattern(t, r.CustomManagers[0].MatchStrings[0])
	digest := "sha256:" + strings.Repeat("ab", 32)
	for text, want := range map[string][3]string{
		`    helm: {image: "registry.example.com/helm@` + digest + `"}`: {"registry.example.com/helm", "", digest},
		"image: registry.example.com:5000/a/helm:v3.22.0@" + digest:     {"registry.example.com:5000/a/helm", "v3.22.0", digest},
	} {
		m := image.FindStringSubmatch(text)
		if m == nil || m[1] != want[0] || m[2] != want[1] || m[3] != want[2] {
			t.Errorf("%s: %q", text, m)
		}
	}
	var ignored []*regexp.Regexp
	for _, glob := range r.IgnorePaths {
		text := regexp.QuoteMeta(glob)
		for _, pair := range [][2]string{{`\*\*/`, `(.*/)?`}, {`/\*\*`, `/.*`}, {`\*`, `[^/]*`}} {
			text = strings.ReplaceAll(text, pair[0], pair[1])
		}
		ignored = append(ignored, regexp.MustCompile("^"+text+"$"))
	}
	for _, file := range strings.Fields(command(t, root, nil, "git", "ls-files", "clusters")) {
		own := filepath.Base(file) == "spec.yaml" || filepath.Dir(file) == "clusters" && filepath.Base(file) != "fleet.lock.yaml"
		leaves := false
		for _, re := range ignored {
			leaves = leaves || re.MatchString(file)
		}
		if leaves == own {
			t.Errorf("%s: left alone is %v", file, leaves)
		}
	}
}
