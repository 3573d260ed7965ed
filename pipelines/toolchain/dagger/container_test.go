package dagger

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	sdk "dagger.io/dagger"

	"kasou/internal/charttest"
	"kasou/pipelines/toolchain"
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

// A registry is beyond this test; what is done with its image is not.
func TestToolsInImages(t *testing.T) {
	d := connected(t)
	helm, err := d.base(t.Context(), "helm")
	if err != nil {
		t.Fatal(err)
	}
	for name, image := range map[string]*sdk.Container{
		"with an entrypoint": helm.WithEntrypoint([]string{"/bin/helm"}).WithUser("65532"),
		"without one":        helm.WithWorkdir("/elsewhere"),
	} {
		b, err := inImage(t.Context(), "helm", image)
		if err != nil {
			t.Fatal(err)
		}
		said, err := b.exec(b.Container, sdk.ContainerWithExecOpts{}, "version", "--short").Stdout(t.Context())
		if err != nil || !strings.HasPrefix(said, "v3.") {
			t.Errorf("%s: %q, %v", name, said, err)
		}
	}
}

func TestAnImageThatIsNotThere(t *testing.T) {
	connected(t)
	image := "127.0.0.1:1/helm@sha256:" + strings.Repeat("0a", 32)
	d, err := Connect(t.Context(), Options{Cache: toolCache(t), Images: map[string]string{"helm": image}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	_, err = d.Template(t.Context(), release(charttest.Pack(t, nil), ""))[0].Get()
	var chart *toolchain.ChartError
	if err == nil || errors.As(err, &chart) || !strings.Contains(err.Error(), "toolchain.helm.image") {
		t.Errorf("error %v", err)
	}
}
