package dagger

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	sdk "dagger.io/dagger"
)

// engines are the variables that the engine gives to every command, for traces.
var engines = regexp.MustCompile(`^(OTEL_.*|TRACEPARENT|BAGGAGE)$`)

func TestAContainerHoldsTheToolAndItsInputsAlone(t *testing.T) {
	d := connected(t)
	t.Setenv("KASOU_TEST_HOST", "visible")
	probe := filepath.Join(t.TempDir(), "probe")
	build := exec.Command("go", "build", "-o", probe, "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	helm, err := d.base(t.Context(), "helm")
	if err != nil {
		t.Fatal(err)
	}
	c := helm.WithMountedFile("/probe", d.engine.Host().File(probe))
	seen, err := c.WithExec([]string{"/probe"}, sdk.ContainerWithExecOpts{NoInit: true}).Stdout(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for line := range strings.Lines(seen) {
		if file, ok := strings.CutPrefix(strings.TrimSpace(line), "file "); ok {
			files = append(files, file)
		}
	}
	// The engine puts the two of /etc into every container.
	if want := []string{"/bin/helm", "/etc/hosts", "/etc/resolv.conf", "/probe"}; !slices.Equal(files, want) {
		t.Errorf("files %v, want %v", files, want)
	}
	env, _, _ := strings.Cut(seen, "\n")
	want := map[string]string{"PATH": "/bin"}
	for _, v := range environment {
		want[v[0]] = v[1]
	}
	for _, variable := range strings.Fields(env)[1:] {
		name, value, _ := strings.Cut(variable, "=")
		if engines.MatchString(name) || want[strings.ToUpper(name)] == value {
			continue
		}
		t.Errorf("environment: %s", variable)
	}
}
