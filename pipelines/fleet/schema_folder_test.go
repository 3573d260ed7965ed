package fleet

import (
	"os"
	"path/filepath"
	"testing"
)

// The folder in which kasou runs may have any name, also one that is no URL.
func TestSchemasInAFolderOfAnyName(t *testing.T) {
	for _, name := range []string{"a\nb", "100%zz", "é \"q\" $x", "a#b?c"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		if s := compile(FleetSchemaFile, fleetSchema); s.compiled.Validate(map[string]any{}) == nil {
			t.Errorf("in %q the schema takes anything", name)
		}
	}
}
