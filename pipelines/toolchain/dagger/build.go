package dagger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	sdk "dagger.io/dagger"

	"kasou/pipelines/toolchain/dagger/batch"
)

// builder compiles tools for an engine's platform.
type builder struct {
	// cache is the folder below which the tools are kept.
	cache    string
	platform sdk.Platform
	log      io.Writer
	// compiler remembers the Go version.
	compiler *memo[string]
	// private is a folder of this process, for tools that the module has no digest
	// of, and own what was built there.
	private string
	own     *memo[string]
}

// buildFlags make a tool's bytes depend on its sources and the compiler alone.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-s -w"}

// build returns the path of a tool's static binary. It is taken from the cache
// only where its content has the digest that the module records for it: nothing
// that lies in the cache can say what is to be run. A tool that the module has no
// digest of, for another platform or compiler, is built for this process alone.
func (b builder) build(ctx context.Context, name string) (string, error) {
	return b.unless(ctx, name, verified)
}

// prepare is build that does not read what the cache has: build looks before the
// tool is used.
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
	want := recorded(compiler, string(b.platform), name)
	if want == "" {
		return b.once(ctx, name)
	}
	// The folder is named by what it holds.
	dir := filepath.Join(b.cache, "tools", want)
	if good(dir, name) {
		return filepath.Join(dir, name), nil
	}
	built, err := b.compile(ctx, filepath.Join(b.cache, "tools"), name)
	switch {
	case err != nil:
		return "", b.failed(name, err)
	case filepath.Base(built) != want:
		// Some distributions' Go is not the one of its version.
		_ = os.RemoveAll(built)
		return b.once(ctx, name)
	}
	return filepath.Join(built, name), nil
}

// once builds a tool for this process, where nobody else puts anything.
func (b builder) once(ctx context.Context, name string) (string, error) {
	build := func() (string, error) {
		private, err := os.MkdirTemp(b.private, "kasou-own-")
		if err != nil {
			return "", b.failed(name, err)
		}
		fmt.Fprintf(b.log, "%s for %s has no digest in kasou for this Go: it is built for this run alone; %s has one\n", name, b.platform, recordedGo)
		dir, err := b.compile(ctx, private, name)
		if err != nil {
			return "", b.failed(name, err)
		}
		return filepath.Join(dir, name), nil
	}
	if b.own == nil {
		return build()
	}
	return b.own.get(name, build)
}

func (b builder) failed(name string, err error) error {
	return fmt.Errorf("build %s for %s: %w", name, b.platform, err)
}

// version returns the version of Go that builds: the one whose tools' digests are
// recorded, which the go command gets where it is another; else, where it cannot
// have that, its own.
func (b builder) version(ctx context.Context) (string, error) {
	return b.compiler.get("", func() (string, error) {
		module, err := b.module()
		if err != nil {
			return "", err
		}
		defer func() { _ = os.RemoveAll(module) }()
		if version, err := b.goCommand(ctx, module, recordedGo, "env", "GOVERSION"); err == nil {
			return version, nil
		}
		return b.goCommand(ctx, module, "", "env", "GOVERSION")
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

// goCommand runs go in the module and gives what it prints. What a person's
// environment says about modules' sources holds; what it says about builds does
// not. version is the Go to take, and "" the one that there is.
func (b builder) goCommand(ctx context.Context, module, version string, args ...string) (string, error) {
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = module, &stdout, io.MultiWriter(&stderr, b.log)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOEXPERIMENT=")
	if version != "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+version)
	}
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

// compile builds below the folder at, in a folder that is named by the binary's
// digest, and returns that. It is put there whole, whoever else builds the same.
func (b builder) compile(ctx context.Context, at, name string) (string, error) {
	module, err := b.module()
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(module) }()
	if err := os.MkdirAll(at, 0o755); err != nil {
		return "", err
	}
	what, command := batchTool, "."
	if tool, ok := tools[name]; ok {
		what, command = name+" "+required(tool.module), tool.command
	}
	fmt.Fprintf(b.log, "building %s for %s\n", what, b.platform)
	fresh, err := os.MkdirTemp(at, ".build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	binary := filepath.Join(fresh, name)
	version, err := b.version(ctx)
	if err != nil {
		return "", err
	}
	if version != recordedGo {
		version = ""
	}
	args := append(append([]string{"build"}, buildFlags...), "-o", binary, command)
	if _, err := b.goCommand(ctx, module, version, args...); err != nil {
		return "", err
	}
	sum, err := digestOf(binary)
	if err != nil {
		return "", err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return "", err
	}
	dir := filepath.Join(at, sum)
	return dir, place(fresh, dir, name)
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

// verified reports whether the folder holds the tool, with the content that the
// folder is named by.
func verified(dir, name string) bool {
	got, err := digestOf(filepath.Join(dir, name))
	return err == nil && got == filepath.Base(dir)
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
