package dagger

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	sdk "dagger.io/dagger"
)

var update = flag.Bool("update", false, "write tools/digests.txt")

// platforms are those that the module has digests for.
var platforms = []sdk.Platform{"linux/amd64", "linux/arm64"}

// The digests are what the module builds to: whoever changes a tool, or batch,
// writes them anew by go generate.
func TestDigestsAreThoseOfTheModule(t *testing.T) {
	here := sdk.Platform("linux/" + runtime.GOARCH)
	var lines []string
	for _, platform := range platforms {
		if !*update && platform != here {
			continue
		}
		b := builder{cache: t.TempDir(), platform: platform, log: io.Discard, compiler: &memo[string]{}}
		if version, err := b.version(t.Context()); err != nil || version != recordedGo {
			t.Skipf("NOT TESTED: %s is not to be had here, only %q (%v)", recordedGo, version, err)
		}
		for _, name := range append(toolNames(), batchTool) {
			dir, err := b.compile(t.Context(), filepath.Join(b.cache, "tools"), name)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%s %s %s\n", platform, name, filepath.Base(dir)))
		}
	}
	if *update {
		slices.Sort(lines)
		if err := os.WriteFile("tools/digests.txt", []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, line := range lines {
		if !strings.Contains(digests, line) {
			t.Errorf("digests.txt lacks the line\n%s\nrun go generate ./pipelines/toolchain/dagger", line)
		}
	}
}

// A tool that somebody put into the cache, with whatever lies beside it, is not
// run.
func TestAForgedToolIsNotRun(t *testing.T) {
	b := testBuilder(t)
	version, err := b.version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := recorded(version, string(b.platform), batchTool)
	if want == "" {
		t.Skipf("NOT TESTED: there is no digest for %s, %s", version, b.platform)
	}
	forge := func(content string) {
		for name, data := range map[string]string{batchTool: content, "sha256": "beside it"} {
			file := filepath.Join(b.cache, "tools", want, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(data), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	forge("#!/bin/sh\n")
	for range 2 {
		binary, err := b.build(t.Context(), batchTool)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := digestOf(binary); err != nil || got != want {
			t.Errorf("%s has the digest %s, %v; want %s", binary, got, err, want)
		}
		forge("#!/bin/sh\n# again\n")
	}
}

// What the module has no digest of is never taken from the cache, nor put there.
func TestAToolWithoutADigestIsBuiltForTheRun(t *testing.T) {
	b := testBuilder(t)
	b.platform, b.private, b.own = "linux/riscv64", t.TempDir(), &memo[string]{}
	first, err := b.build(t.Context(), batchTool)
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.build(t.Context(), batchTool)
	if err != nil || second != first || !strings.HasPrefix(first, b.private) {
		t.Errorf("%s, then %s, %v", first, second, err)
	}
	if left, err := os.ReadDir(filepath.Join(b.cache, "tools")); err == nil && len(left) > 0 {
		t.Errorf("in the cache: %v", left)
	}
}
