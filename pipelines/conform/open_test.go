package conform_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

func TestOpenVersions(t *testing.T) {
	for minor := 28; minor <= 37; minor++ {
		for _, version := range []string{fmt.Sprintf("1.%d.99", minor), fmt.Sprintf("v1.%d", minor)} {
			if findings := check(t, open(t, version), manifest.Files{"a.yaml": []byte(goodService), "b.yaml": []byte(application)}); len(findings) > 0 {
				t.Errorf("%s: %v", version, findings)
			}
		}
	}
	tests := []struct {
		version string
		want    finding.Severity
	}{{"1.27.16", finding.Error}, {"1.99.0", finding.Note}, {"2.0.0", finding.Error}, {"", finding.Error}}
	for _, test := range tests {
		schemas, findings, err := found(fleetOf(test.version, t.TempDir()), cache)
		if err != nil || len(findings) != 1 || findings[0].Severity != test.want || findings[0].Rule != conform.RuleVersion {
			t.Errorf("%q: %v %v", test.version, findings, err)
		}
		if test.want == finding.Note {
			if findings := check(t, schemas, manifest.Files{"a.yaml": []byte(goodService)}); len(findings) > 0 {
				t.Errorf("%q: %v", test.version, findings)
			}
		}
	}
}

// A kind comes and goes with the Kubernetes version.
func TestVersionsDiffer(t *testing.T) {
	files := manifest.Files{"a.yaml": []byte("apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: a}\nspec: {cidrs: [10.0.0.0/16]}\n")}
	if got := check(t, open(t, "1.34.1"), files); len(got) != 0 {
		t.Errorf("1.34: %v", got)
	}
	if got := check(t, open(t, "1.28.1"), files); len(got) != 1 || got[0].Rule != conform.RuleUnknownKind {
		t.Errorf("1.28: %v", got)
	}
}

func schemaFolder(t *testing.T, location string) string {
	t.Helper()
	folder, _, found := strings.Cut(location, "{{")
	if !found || !filepath.IsAbs(folder) {
		t.Fatalf("location %s is not a template of local files", location)
	}
	return filepath.Clean(folder)
}

func TestTamperedSchemasAreMended(t *testing.T) {
	cache := t.TempDir()
	open := func() string {
		schemas, findings, err := found(fleetOf("1.34.1", t.TempDir()), cache)
		if err != nil || len(findings) > 0 {
			t.Fatal(findings, err)
		}
		return schemaFolder(t, schemas.Locations[0])
	}
	folder := open()
	deployment := filepath.Join(folder, "apps", "deployment_v1.json")
	whole, err := os.ReadFile(deployment)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	extra := filepath.Join(folder, "example.com", "widget_v1.json")
	tampers := map[string]func(){
		"changed":          func() { must(os.WriteFile(deployment, []byte("{}"), 0o644)) },
		"cut off":          func() { must(os.Truncate(deployment, 10)) },
		"removed":          func() { must(os.Remove(deployment)) },
		"a folder removed": func() { must(os.RemoveAll(filepath.Join(folder, "apps"))) },
		"a symlink":        func() { must(os.Remove(deployment)); must(os.Symlink("daemonset_v1.json", deployment)) },
		"a folder":         func() { must(os.Remove(deployment)); must(os.MkdirAll(filepath.Join(deployment, "x"), 0o755)) },
		"a file for folder": func() {
			must(os.RemoveAll(filepath.Dir(deployment)))
			must(os.WriteFile(filepath.Dir(deployment), nil, 0o644))
		},
		"one too many": func() { must(os.MkdirAll(filepath.Dir(extra), 0o755)); must(os.WriteFile(extra, []byte("{}"), 0o644)) },
	}
	for name, tamper := range tampers {
		t.Run(name, func(t *testing.T) {
			tamper()
			if again := open(); again != folder {
				t.Fatalf("the folder moved from %s to %s", folder, again)
			}
			if got, err := os.ReadFile(deployment); err != nil || string(got) != string(whole) {
				t.Errorf("not mended: %v", err)
			}
			if _, err := os.Lstat(extra); err == nil {
				t.Error("a schema too many is still there")
			}
		})
	}
}

func TestOpenInParallel(t *testing.T) {
	cache := t.TempDir()
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			schemas, findings, err := found(fleetOf("1.34.1", t.TempDir()), cache)
			if err != nil || len(findings) > 0 {
				t.Errorf("%d: %v %v", i, findings, err)
				return
			}
			if findings := check(t, schemas, manifest.Files{"a.yaml": []byte(goodService)}); len(findings) > 0 {
				t.Errorf("%d: %v", i, findings)
			}
		})
	}
	group.Wait()
	left, err := filepath.Glob(filepath.Join(cache, "schemas", ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestCacheThatKubeconformCannotRead(t *testing.T) {
	for _, name := range []string{"100%", "{{x", "a\nb"} {
		if _, _, err := found(fleetOf("1.34.1", t.TempDir()), filepath.Join(t.TempDir(), name)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Schemas are looked at when they are needed, and then before anything else is.
func TestFindLeavesTheCacheAlone(t *testing.T) {
	cache := t.TempDir()
	set, findings, err := conform.Find(fleetOf("1.34.1", t.TempDir()), cache)
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	folder := schemaFolder(t, set.Locations("")[0])
	if _, err := os.Lstat(folder); err == nil {
		t.Error("there is something in the cache already")
	}
	schemas, err := set.Ready("")
	if err != nil || set.Err() != nil || schemas.Locations[0] != set.Locations("")[0] {
		t.Fatalf("%v, %v, %v", schemas.Locations, err, set.Err())
	}
	if _, err := os.Stat(filepath.Join(folder, "apps", "deployment_v1.json")); err != nil {
		t.Error(err)
	}
}

func TestSchemasThatCannotBeWritten(t *testing.T) {
	cache := t.TempDir()
	if err := os.WriteFile(filepath.Join(cache, "schemas"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	set, _, err := conform.Find(fleetOf("1.34.1", t.TempDir()), cache)
	if err != nil || set.Err() != nil {
		t.Fatal(err, set.Err())
	}
	_, first := set.Ready("")
	_, second := set.Ready("")
	if first == nil || second == nil || set.Err() == nil {
		t.Errorf("%v, %v, %v: it is not said", first, second, set.Err())
	}
}
