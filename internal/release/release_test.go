// Package release tests what a release is made by: .goreleaser.yaml and the scripts in
// release.
package release

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const root = "../.."

// builds is what goreleaser builds.
type builds struct {
	Builds []struct {
		Env, Flags, Ldflags, Goos, Goarch []string
		ModTimestamp                      string `yaml:"mod_timestamp"`
	}
}

func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func config(t *testing.T) builds {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var b builds
	if err := yaml.Unmarshal(data, &b); err != nil || len(b.Builds) != 1 {
		t.Fatalf(".goreleaser.yaml: %v, %d builds", err, len(b.Builds))
	}
	return b
}

// TestReproducible builds the program as a release does, twice: in two folders, and the
// second time with nothing that was built before. The bytes are the same, and hold neither
// folder.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds all of kasou without a cache")
	}
	b := config(t).Builds[0]
	if b.ModTimestamp != "{{ .CommitTimestamp }}" || !slices.Equal(b.Goos, []string{"linux", "darwin", "windows"}) || !slices.Equal(b.Goarch, []string{"amd64", "arm64"}) {
		t.Errorf("what is built: %+v", b)
	}
	dir := t.TempDir()
	repo, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{".ModulePath": command(t, root, nil, "go", "list", "-m"), ".Env.KASOU_REPOSITORY": "github.com/team/kasou", ".Version": "1.2.3"}
	var sums []string
	for i, folder := range []string{"one", "another/place"} {
		clone := filepath.Join(dir, folder)
		command(t, dir, nil, "git", "clone", "-q", "--no-local", "file://"+repo, clone)
		values[".FullCommit"] = command(t, clone, nil, "git", "rev-parse", "HEAD")
		env := slices.Concat(b.Env, []string{"GOFLAGS=", "TZ=" + []string{"UTC", "Asia/Tokyo"}[i]})
		if i > 0 {
			env = append(env, "GOCACHE="+filepath.Join(dir, "cache"))
		}
		binary := filepath.Join(dir, "kasou")
		args := slices.Concat([]string{"build", "-o", binary}, b.Flags, []string{"-ldflags", fill(t, strings.Join(b.Ldflags, " "), values), "."})
		command(t, clone, env, "go", args...)
		data, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range []string{dir, repo, os.Getenv("GOMODCACHE")} {
			if place != "" && bytes.Contains(data, []byte(place)) {
				t.Errorf("the program holds the path %s", place)
			}
		}
		sums = append(sums, fmt.Sprintf("%x", sha256.Sum256(data)))
		said := command(t, dir, nil, binary, "version")
		for _, part := range []string{"kasou v1.2.3\n", "commit " + values[".FullCommit"] + "\n", "source github.com/team/kasou\n", "go " + strings.TrimPrefix(runtime.Version(), "go")} {
			if !strings.Contains(said, part) {
				t.Errorf("kasou version says no %q:\n%s", part, said)
			}
		}
		if out, err := exec.Command("go", "version", "-m", binary).Output(); err != nil || !strings.Contains(string(out), "CGO_ENABLED=0") {
			t.Errorf("the program is not static: %v\n%s", err, out)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds of one commit: %v", sums)
	}
}

// fill puts values in the place of goreleaser's templates.
func fill(t *testing.T, text string, values map[string]string) string {
	t.Helper()
	return regexp.MustCompile(`\{\{ (\S+) \}\}`).ReplaceAllStringFunc(text, func(e string) string {
		value, ok := values[strings.Trim(e, "{} ")]
		if !ok {
			t.Errorf("no value for %s", e)
		}
		return value
	})
}

// dist makes a working copy with dist/, as goreleaser leaves it.
func dist(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"release", "tools"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	var sums strings.Builder
	for _, platform := range []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"} {
		var b bytes.Buffer
		zipped := gzip.NewWriter(&b)
		w := tar.NewWriter(zipped)
		text := "the program for " + platform
		if err := w.WriteHeader(&tar.Header{Name: "kasou", Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(text))
		_, _ = w.Close(), zipped.Close()
		name := "kasou_" + platform + ".tar.gz"
		if err := os.MkdirAll(filepath.Join(dir, "dist"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "dist", name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(b.Bytes()), name)
	}
	if err := os.WriteFile(filepath.Join(dir, "dist", "checksums.txt"), []byte(sums.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// crane is the command, built once.
func crane(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "crane")
	command(t, dir, nil, "go", "build", "-modfile=tools/release/go.mod", "-o", binary, "github.com/google/go-containerregistry/cmd/crane")
	return binary
}

// registry starts one on this machine, and returns its address.
func registry(t *testing.T, crane string) string {
	t.Helper()
	c := exec.Command(crane, "registry", "serve", "--address", "127.0.0.1:0")
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	address := make(chan string)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if m := regexp.MustCompile(`serving on port (\d+)`).FindStringSubmatch(lines.Text()); m != nil {
				address <- "127.0.0.1:" + m[1]
			}
		}
		close(address)
	}()
	at := <-address
	if at == "" {
		t.Fatal("the registry says no port")
	}
	go func() {
		for range address { // it says more
		}
	}()
	return at
}

// The image holds the program and the certificates and nothing else, for both processors,
// and the same release has the same digest.
func TestImage(t *testing.T) {
	repo, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	binary := crane(t, repo)
	at := registry(t, binary)
	var digests []string
	for _, name := range []string{"one", "two"} {
		dir := dist(t)
		if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("certificates"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		env := []string{"SOURCE_DATE_EPOCH=1700000000", "KASOU_CERTIFICATES=" + filepath.Join(dir, "ca.pem"), "KASOU_REPOSITORY=github.com/team/kasou"}
		digests = append(digests, command(t, dir, env, "bash", "release/image.sh", at+"/"+name+"/kasou:v1.0.0"))
	}
	if digests[0] != digests[1] || !strings.HasPrefix(digests[0], "sha256:") {
		t.Errorf("digests %v", digests)
	}
	image := at + "/one/kasou@" + digests[0]
	for _, processor := range []string{"amd64", "arm64"} {
		platform := "linux/" + processor
		list := exec.Command("sh", "-c", `"$0" export --platform `+platform+` "$1" - | tar -tv --numeric-owner`, binary, image)
		out, err := list.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		files := strings.Fields(regexp.MustCompile(`(?m)^(\S+).* (\S+)$`).ReplaceAllString(string(out), "$1 $2"))
		want := []string{"drwxr-xr-x", "etc", "drwxr-xr-x", "etc/ssl", "drwxr-xr-x", "etc/ssl/certs", "-rw-r--r--", "etc/ssl/certs/ca-certificates.crt", "-rwxr-xr-x", "kasou", "drwxrwxrwt", "tmp"}
		if !slices.Equal(files, want) {
			t.Errorf("%s holds\n%s", platform, out)
		}
		configuration := command(t, repo, nil, binary, "config", "--platform", platform, image)
		for _, part := range []string{`"architecture":"` + processor + `"`, `"Entrypoint":["/kasou"]`, `"org.opencontainers.image.source":"https://github.com/team/kasou"`} {
			if !strings.Contains(configuration, part) {
				t.Errorf("%s: no %s in %s", platform, part, configuration)
			}
		}
	}
}

// The formula has the digest of each archive, and is not written without one.
func TestFormula(t *testing.T) {
	dir := dist(t)
	formula := command(t, dir, nil, "bash", "release/formula.sh", "github.com/team/kasou", "v1.2.3")
	sums, err := os.ReadFile(filepath.Join(dir, "dist", "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		want := fmt.Sprintf("url \"https://github.com/team/kasou/releases/download/v1.2.3/%s\"\n      sha256 %q\n", name, sum)
		if !strings.Contains(formula, want) {
			t.Errorf("no\n%s in\n%s", want, formula)
		}
	}
	if !strings.Contains(formula, `version "1.2.3"`) {
		t.Errorf("no version in\n%s", formula)
	}
	if ruby, err := exec.LookPath("ruby"); err == nil {
		file := filepath.Join(dir, "kasou.rb")
		if err := os.WriteFile(file, []byte(formula), 0o644); err != nil {
			t.Fatal(err)
		}
		command(t, dir, nil, ruby, "-c", file)
	}
	if err := os.WriteFile(filepath.Join(dir, "dist", "checksums.txt"), []byte("ab  kasou_linux_amd64.tar.gz\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("bash", "release/formula.sh", "github.com/team/kasou", "v1.2.3")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err == nil {
		t.Errorf("a formula without digests:\n%s", out)
	}
}
