package chart

import (
	"os"
	"path/filepath"
	"testing"

	"helm.sh/helm/v3/pkg/registry"
	"helm.sh/helm/v3/pkg/repo"
)

// What the package knows of Helm's formats for itself is held to Helm's own.

func TestRegistryWordsAreHelms(t *testing.T) {
	for _, test := range []struct{ name, ours, helms string }{
		{"scheme", ociScheme, registry.OCIScheme},
		{"layer", chartLayer, registry.ChartLayerMediaType},
		{"old layer", oldChartLayer, registry.LegacyChartLayerMediaType},
		{"credentials", credentialsFile, registry.CredentialsFileBasename},
	} {
		if test.ours != test.helms {
			t.Errorf("%s: %q, and Helm has %q", test.name, test.ours, test.helms)
		}
	}
	for _, repository := range []string{"oci://a/b", "https://a/b", "OCI://a", "oci:/a", ""} {
		if isOCI(repository) != registry.IsOCI(repository) {
			t.Errorf("isOCI(%q) is %v", repository, isOCI(repository))
		}
	}
}

func TestArchiveURLsAreHelms(t *testing.T) {
	for _, base := range []string{
		"https://example.com", "https://example.com/", "https://example.com/charts", "https://example.com/charts/",
		"https://example.com/charts?token=x", "https://example.com/a%2Fb", "https://example.com/a%20b/", "https://[::1]:8443/c",
	} {
		for _, named := range []string{
			"demo-1.2.3.tgz", "./demo.tgz", "../demo.tgz", "/demo.tgz", "sub/demo.tgz", "https://other.example.com/demo.tgz",
			"oci://other/demo:1.2.3", "//other.example.com/demo.tgz", "demo.tgz?x=y", "demo%2Fone.tgz", "", ":bad", "%zz",
		} {
			want, helms := repo.ResolveReferenceURL(base, named)
			got, err := absoluteURL(base, named)
			if (err == nil) != (helms == nil) {
				t.Errorf("%s at %s: error %v, and Helm's is %v", named, base, err, helms)
			} else if err == nil && got.String() != want {
				t.Errorf("%s at %s: %s, and Helm has %s", named, base, got, want)
			}
		}
	}
}

func TestRepositoryEntriesAreHelms(t *testing.T) {
	file := repo.NewFile()
	file.Add(nil, &repo.Entry{Name: "other", URL: "https://other.example.com"}, &repo.Entry{
		Name: "x", URL: "https://example.com/charts/", Username: "anna", Password: "word", CertFile: "cert", KeyFile: "key",
		CAFile: "ca", InsecureSkipTLSverify: true, PassCredentialsAll: true,
	})
	path := filepath.Join(t.TempDir(), "repositories.yaml")
	if err := file.WriteFile(path, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := configFiles{repositories: path}.entry("https://example.com/charts")
	want := repositoryEntry{
		URL: "https://example.com/charts/", Username: "anna", Password: "word", CertFile: "cert", KeyFile: "key",
		CAFile: "ca", InsecureSkipTLSverify: true, PassCredentialsAll: true,
	}
	if err != nil || got != want {
		t.Errorf("read as %+v, %v", got, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, err := (configFiles{repositories: path}).entry("https://example.com/charts"); err != nil || got != (repositoryEntry{}) {
		t.Errorf("without a file: %+v, %v", got, err)
	}
}
