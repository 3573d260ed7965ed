package embedded_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/realtool"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

func TestMain(m *testing.M) {
	embedded.WorkerMain()
	code := m.Run()
	realtool.Remove()
	os.Exit(code)
}

// newToolchain returns a toolchain that ends with the test.
func newToolchain(t testing.TB, opts embedded.Options) *embedded.Toolchain {
	t.Helper()
	tc, err := embedded.New(opts)
	return closing(t, tc, err)
}

// closing returns what was made, and closes it with the test.
func closing[C io.Closer](t testing.TB, made C, err error) C {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	})
	return made
}

// chartFile reads a packaged chart.
func chartFile(t testing.TB, path string) toolchain.Chart {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(filepath.Base(path), ".tgz")
	return toolchain.Chart{Name: name, Digest: manifest.Digest(data), Archive: data, Source: path}
}

func release(ch toolchain.Chart, values string) toolchain.Release {
	return toolchain.Release{Name: "dev", Namespace: "team", Chart: ch, KubeVersion: "1.34.1", Values: []byte(values)}
}

// sameAsHelm renders with both and wants the same files, or an error of both, by
// Helm 3 and by Helm 4. It returns what Helm 3 rendered.
func sameAsHelm(t *testing.T, tc toolchain.Helm, r toolchain.Release) (manifest.Files, error) {
	t.Helper()
	four := r
	four.Helm = toolchain.Helm4
	_, _ = sameAs(t, tc, four)
	return sameAs(t, tc, r)
}

func sameAs(t *testing.T, tc toolchain.Helm, r toolchain.Release) (manifest.Files, error) {
	t.Helper()
	want, wantErr := realtool.HelmTemplate(t, r)
	got, gotErr := tc.Template(context.Background(), r)[0].Get()
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("%s says: %v\nkasou says: %v", r.Helm.Module(), wantErr, gotErr)
	}
	if diff := cmp.Diff(want.Paths(), got.Paths()); diff != "" {
		t.Fatalf("files of %s differ (-helm +kasou):\n%s", r.Helm.Module(), diff)
	}
	for _, name := range want.Paths() {
		if !bytes.Equal(want[name], got[name]) {
			t.Errorf("%s of %s differs (-helm +kasou):\n%s", name, r.Helm.Module(), cmp.Diff(string(want[name]), string(got[name])))
		}
	}
	if r.WillValidate = true; wantErr == nil {
		quick, err := tc.Template(context.Background(), r)[0].Get()
		if err != nil || !cmp.Equal(got, quick) {
			t.Errorf("another result where all is validated afterwards: %v\n%s", err, cmp.Diff(got, quick))
		}
	}
	return got, gotErr
}
