package dagger

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	sdk "dagger.io/dagger"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"kasou/pipelines/toolchain"
)

func TestTheCopiesOfTheModuleAreTrue(t *testing.T) {
	for file, copied := range map[string]string{"go.mod": goMod, "go.sum": goSum} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		if string(data) != copied {
			t.Errorf("tools/%s.txt is not %s: run go generate ./pipelines/toolchain/dagger", file, file)
		}
	}
}

func TestVersionsAreThoseOfTheEmbeddedToolchain(t *testing.T) {
	// A test binary does not know what it is made of; a program does.
	out, err := exec.Command("go", "run", "./testdata/versions").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []map[string]string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, []map[string]string{(&Toolchain{}).Versions(0), (&Toolchain{}).Versions(toolchain.Helm4)}); diff != "" {
		t.Errorf("versions (-embedded +dagger):\n%s", diff)
	}
	pinned := &Toolchain{containers: containers{opts: Options{Images: map[string]string{"helm": "a@sha256:0"}}}}
	if got := pinned.Versions(0)["helm"]; got != "a@sha256:0" {
		t.Errorf("with an image: %s", got)
	}
	if got := required("dagger.io/dagger"); got != SDKVersion {
		t.Errorf("SDKVersion is %s, go.mod has %s", SDKVersion, got)
	}
}

func TestEveryToolIsAToolDirective(t *testing.T) {
	_, directives, _ := strings.Cut(goMod, "tool (")
	directives, _, _ = strings.Cut(directives, ")")
	for name, tool := range tools {
		if !strings.Contains(directives, "\t"+tool.command+"\n") {
			t.Errorf("%s: %s is not a tool of go.mod", name, tool.command)
		}
	}
}

func testBuilder(t *testing.T) builder {
	return builder{cache: t.TempDir(), platform: sdk.Platform("linux/" + runtime.GOARCH), log: io.Discard, compiler: &memo[string]{}}
}

func TestBuildsAreCachedAndChecked(t *testing.T) {
	t.Chdir(t.TempDir()) // far from any module
	b := testBuilder(t)
	var group errgroup.Group
	paths := make([]string, 3)
	for i := range paths {
		group.Go(func() (err error) {
			paths[i], err = b.build(t.Context(), "kubeconform")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	binary := paths[0]
	if paths[1] != binary || paths[2] != binary {
		t.Errorf("three builds at once gave %v", paths)
	}
	if left, _ := filepath.Glob(filepath.Join(b.cache, "tools", ".build-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	built := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(binary, built, built); err != nil {
		t.Fatal(err)
	}
	if _, err := b.build(t.Context(), "kubeconform"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(binary); err != nil || !info.ModTime().Equal(built) {
		t.Errorf("built again although nothing changed: %v", err)
	}
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := b.build(t.Context(), "kubeconform"); err != nil {
		t.Fatal(err)
	}
	if !verified(filepath.Dir(binary), "kubeconform") {
		t.Error("a changed binary stays")
	}
	if info, err := os.Stat(binary); err != nil || info.Size() < 1<<20 {
		t.Errorf("the binary was not built anew: %v", err)
	}
}

func TestWithoutGoTheErrorNamesTheWayOut(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := testBuilder(t).build(t.Context(), "kubeseal")
	if err == nil || !strings.Contains(err.Error(), "toolchain.kubeseal.image") {
		t.Errorf("error %v", err)
	}
}

func TestPlatformsInGosWords(t *testing.T) {
	for platform, want := range map[sdk.Platform]string{
		"linux/amd64": "GOOS=linux GOAMD64=v1 GOARCH=amd64", "linux/arm64": "GOOS=linux GOAMD64=v1 GOARCH=arm64",
		"linux/arm/v7": "GOOS=linux GOAMD64=v1 GOARCH=arm GOARM=7", "linux/arm64/v8": "GOOS=linux GOAMD64=v1 GOARCH=arm64",
	} {
		if got := strings.Join(target(platform), " "); got != want {
			t.Errorf("%s: %s, want %s", platform, got, want)
		}
	}
}

func TestOptionsArePinned(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0", 64)
	for name, o := range map[string]Options{
		"no cache":         {Images: map[string]string{"helm": "a" + digest}},
		"a tag":            {Cache: "/c", Images: map[string]string{"helm": "a:1"}},
		"an unknown tool":  {Cache: "/c", Images: map[string]string{"kustomize": "a" + digest}},
		"a digest cut off": {Cache: "/c", Images: map[string]string{"helm": "a@sha256:00"}},
	} {
		if err := o.check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := (Options{Images: map[string]string{"helm": "a" + digest, "kubeseal": "a" + digest, "kubeconform": "a" + digest}}).check(); err != nil {
		t.Error(err)
	}
}
