package dagger

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/toolchain/embedded"
)

// repository is kasou's own, from here.
var repository = filepath.Join("..", "..", "..")

// moduleIn makes a fleet's repository, which is not kasou's own, that has kasou's Dagger
// module as a toolchain, with a program that was built here in place of one from an
// image with Go.
func moduleIn(t *testing.T) (repo fleettest.Repo, dagger func(args ...string) (string, error)) {
	t.Helper()
	needEngine(t)
	repo = fleettest.New(t, "1.34.1")
	for file, from := range map[string]string{"module/dagger.json": "dagger.json", "module/dagger/main.dang": "dagger/main.dang"} {
		repo.Copy(t, file, filepath.Join(repository, filepath.FromSlash(from)))
	}
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(repo.Root, "module", "kasou"), ".")
	build.Dir, build.Env = repository, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	repo.Write(t, "dagger.json", []byte(`{"name": "fleet", "engineVersion": "v0.21.8", "toolchains": [
  {"name": "kasou", "source": "module", "customizations": [{"argument": "program", "defaultPath": "/module/kasou"}]}]}`))
	if err := os.CopyFS(filepath.Join(repo.Root, "charts"), os.DirFS(filepath.Join(repository, "charts"))); err != nil {
		t.Fatal(err)
	}
	return repo, func(args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), cmp.Or(os.Getenv(cliEnv), "dagger"), append([]string{"--progress", "plain"}, args...)...)
		c.Dir, c.Env = repo.Root, append(os.Environ(), "NO_COLOR=1", "DO_NOT_TRACK=1")
		out, err := c.CombinedOutput()
		return string(out), err
	}
}

// As a person does it in a repository of their own: `dagger check` fails on specs that
// were not built, `dagger generate` builds them, and the files are those of the program.
func TestTheModuleInAnotherRepository(t *testing.T) {
	repo, dagger := moduleIn(t)
	repo.Cluster(t, "one", "  ingress: {enabled: true, host: one.example.com}\n")
	repo.Commit(t)
	if out, err := dagger("check"); err == nil || !strings.Contains(out, "tree-not-built") {
		t.Fatalf("an unbuilt fleet passes: %v\n%s", err, out)
	}
	if out, err := dagger("generate", "-y"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := dagger("check"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	e, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	r, err := pipelines.Check(t.Context(), repo.Options(t, linked{e}))
	fleettest.MustPass(t, r, err)
	repo.Commit(t)

	checkout := t.TempDir()
	if err := os.CopyFS(filepath.Join(checkout, "clusters"), os.DirFS(filepath.Join(repo.Root, "clusters"))); err != nil {
		t.Fatal(err)
	}
	repo.Cluster(t, "one", "  ingress: {enabled: true, host: one.example.com}\n  namespace: elsewhere\n")
	if out, err := dagger("call", "kasou", "plan", "--committed", checkout); err != nil || !strings.Contains(out, "empty-cluster") {
		t.Errorf("the plan: %v\n%s", err, out)
	}
	if out, err := dagger("check"); err == nil || !strings.Contains(out, "tree-stale") {
		t.Errorf("a changed spec passes: %v\n%s", err, out)
	}
	if out, err := dagger("call", "kasou", "drift", "contents"); err != nil || !strings.Contains(out, `"tree-stale"`) {
		t.Errorf("the drift: %v\n%s", err, out)
	}
}

// A kubeconfig goes in as a secret, and comes out sealed.
func TestTheModuleRegisters(t *testing.T) {
	repo, dagger := moduleIn(t)
	repo.Cluster(t, "one", "  ingress: {enabled: true, host: one.example.com}\n")
	k := fleettest.NewKubeconfig(t)
	repo.Write(t, "kubeconfig", k.Data)
	if out, err := dagger("generate", "-y"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := dagger("call", "kasou", "register", "--name", "one", "--kubeconfig", "file://"+filepath.Join(repo.Root, "kubeconfig"), "-y")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sealed := string(repo.Read(t, "clusters/root/one.cluster.yaml"))
	if !strings.Contains(sealed, "kind: SealedSecret") || strings.Contains(out+sealed, "PRIVATE KEY") {
		t.Errorf("%s\n%s", sealed, out)
	}
}
