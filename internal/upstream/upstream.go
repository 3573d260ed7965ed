// Package upstream finds the real vcluster charts that tests run on.
package upstream

import (
	"os"
	"path/filepath"
	"testing"
)

// Env names the environment variable that says where the charts are.
const Env = "KASOU_UPSTREAM_CHARTS"

// Dir returns the folder in which upstream charts are looked for; empty where the
// environment names none.
func Dir() string { return os.Getenv(Env) }

// Charts returns the folder with the upstream charts as .tgz files. It skips the
// test, with the reason, where there is none.
func Charts(t testing.TB) string {
	t.Helper()
	dir := Dir()
	if found, _ := filepath.Glob(filepath.Join(dir, "*.tgz")); dir == "" || len(found) == 0 {
		t.Skipf("SKIPPED: no upstream charts in %q; set %s to a folder with vcluster-*.tgz", dir, Env)
	}
	return dir
}

// All returns the paths of all upstream charts, sorted by name. It skips the
// test where there are none.
func All(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(Charts(t), "*.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Chart returns the path of one upstream chart, such as vcluster-0.4.3. It skips
// the test where it is not there.
func Chart(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Charts(t), name+".tgz")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: no upstream chart %s (%s)", path, Env)
	}
	return path
}
