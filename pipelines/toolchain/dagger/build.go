package dagger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	sdk "dagger.io/dagger"

	"kasou/pipelines/toolchain/dagger/batch"
)

// builder compiles tools for an engine's platform, once for each combination of
// module versions, Go version and platform.
type builder struct {
	// cache is the folder below which the tools are kept.
	cache    string
	platform sdk.Platform
	log      io.Writer
	// compiler remembers the Go version.
	compiler *memo[string]
}

// buildFlags make a tool's bytes depend on its sources and the compiler alone.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-s -w"}

// build gives the path of a tool's static binary. It is taken from the cache
// where its content is still what was built.
func (b builder) build(ctx context.Context, name string) (string, error) {
	return b.unless(ctx, name, verified)
}

// prepare is build that believes the cache: build looks before the tool is used.
func (b builder) prepare(ctx context.Context, name string) error {
	_, err := b.unless(ctx, name, func(dir, name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
	return err
}

// unless builds the tool unless the folder for it is good.
func (b builder) unless(ctx context.Context, name string, good func(dir, name string) bool) (string, error) {
	compiler, err := b.version(ctx)
	if err != nil {
		return "", fmt.Errorf("%s cannot be built for a container (%w): install Go, or name an image in toolchain.%s.image of fleet.yaml", name, err, name)
	}
	dir := filepath.Join(b.cache, "tools", b.key(name, compiler))
	if good(dir, name) {
		return filepath.Join(dir, name), nil
	}
	if err := b.compile(ctx, dir, name); err != nil {
		return "", fmt.Errorf("build %s for %s: %w", name, b.platform, err)
	}
	return filepath.Join(dir, name), nil
}

// version gives the version of Go, which the module may choose.
func (b builder) version(ctx context.Context) (string, error) {
	return b.compiler.get("", func() (string, error) {
		module, err := b.module()
		if err != nil {
			return "", err
		}
		defer func() { _ = os.RemoveAll(module) }()
		return b.goCommand(ctx, module, "env", "GOVERSION")
	})
}

// module writes the module to build in, and gives its folder.
func (b builder) module() (string, error) {
	dir, err := os.MkdirTemp("", "kasou-tools-")
	if err != nil {
		return "", fmt.Errorf("make a module for the tools: %w", err)
	}
	for file, content := range sources {
		file = filepath.Join(dir, file)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err == nil {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			_ = os.RemoveAll(dir)
			return "", fmt.Errorf("make a module for the tools: %w", err)
		}
	}
	return dir, nil
}

// sources are the files of that module.
var sources = map[string]string{
	"go.mod": goMod, "go.sum": goSum,
	"main.go":        "package main\n\nimport \"kasou/batch\"\n\nfunc main() { batch.Main() }\n",
	"batch/batch.go": batch.Sources["batch.go"], "batch/wire.go": batch.Sources["wire.go"],
}

func (b builder) key(name, compiler string) string {
	parts := []string{name, compiler, string(b.platform), goMod, goSum}
	if name == batchTool {
		for _, file := range slices.Sorted(maps.Keys(sources)) {
			parts = append(parts, file, sources[file])
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(append(parts, buildFlags...), "\x00")))
	return hex.EncodeToString(sum[:16])
}

// goCommand runs go in the module and gives what it prints. What a person's
// environment says about modules' sources holds; what it says about builds does
// not.
func (b builder) goCommand(ctx context.Context, module string, args ...string) (string, error) {
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = module, &stdout, io.MultiWriter(&stderr, b.log)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOEXPERIMENT=")
	if b.platform != "" {
		cmd.Env = append(cmd.Env, target(b.platform)...)
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if said := strings.TrimSpace(stderr.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return "", err
	}
	return strings.TrimSpace(stdout.String()), nil
}

// target names a platform such as linux/arm/v7 in Go's words.
func target(platform sdk.Platform) []string {
	parts := strings.Split(string(platform), "/")
	env := []string{"GOOS=" + parts[0], "GOAMD64=v1"}
	if len(parts) > 1 {
		env = append(env, "GOARCH="+parts[1])
	}
	if len(parts) > 2 && parts[1] == "arm" {
		env = append(env, "GOARM="+strings.TrimPrefix(parts[2], "v"))
	}
	return env
}

// compile builds beside dir and renames, so that dir is whole or not there,
// whoever else builds the same.
func (b builder) compile(ctx context.Context, dir, name string) error {
	module, err := b.module()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(module) }()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	what, command := batchTool, "."
	if tool, ok := tools[name]; ok {
		what, command = name+" "+required(tool.module), tool.command
	}
	fmt.Fprintf(b.log, "building %s for %s\n", what, b.platform)
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	binary := filepath.Join(fresh, name)
	args := append(append([]string{"build"}, buildFlags...), "-o", binary, command)
	if _, err := b.goCommand(ctx, module, args...); err != nil {
		return err
	}
	sum, err := digestOf(binary)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, "sha256"), []byte(sum+"\n"), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	return place(fresh, dir, name)
}

// place puts the folder where it belongs. What stands there already is another
// process's, equally good; or it is broken, and goes away.
func place(fresh, dir, name string) error {
	err := os.Rename(fresh, dir)
	if err == nil || verified(dir, name) {
		return nil
	}
	broken := fresh + ".broken"
	if moved := os.Rename(dir, broken); moved != nil && !errors.Is(moved, os.ErrNotExist) {
		return moved
	}
	defer func() { _ = os.RemoveAll(broken) }()
	if err := os.Rename(fresh, dir); err != nil && !verified(dir, name) {
		return err
	}
	return nil
}

// verified says whether the folder holds the tool, with the content that was
// built.
func verified(dir, name string) bool {
	want, err := os.ReadFile(filepath.Join(dir, "sha256"))
	if err != nil {
		return false
	}
	got, err := digestOf(filepath.Join(dir, name))
	return err == nil && got == strings.TrimSpace(string(want))
}

func digestOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
