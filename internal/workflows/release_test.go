package workflows

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// forge is a server of git repositories and of their releases, as files: git and curl
// read them as they read GitHub's.
type forge struct {
	*hub
	dir string
	// commit has the release v1.0.0, by a plain tag, and v1.1.0, by an annotated one;
	// later has none.
	commit, later string
}

func newForge(t *testing.T) *forge {
	t.Helper()
	f := &forge{hub: &hub{t: t}, dir: t.TempDir()}
	repo := filepath.Join(f.dir, "team", "kasou")
	f.git(f.dir, "init", "-q", "-b", "main", repo)
	f.git(repo, "commit", "-q", "--allow-empty", "-m", "One")
	f.commit = f.git(repo, "rev-parse", "HEAD")
	f.git(repo, "tag", "v1.0.0")
	f.git(repo, "tag", "moving")
	f.git(repo, "commit", "-q", "--allow-empty", "-m", "Two")
	f.git(repo, "tag", "-a", "-m", "annotated", "v1.1.0")
	f.git(repo, "commit", "-q", "--allow-empty", "-m", "Three")
	f.later = f.git(repo, "rev-parse", "HEAD")
	return f
}

// release puts the files of a release where the server has them.
func (f *forge) release(tag string, files map[string][]byte) {
	f.t.Helper()
	dir := filepath.Join(f.dir, "team", "kasou", "releases", "download", tag)
	if err := os.RemoveAll(dir); err != nil {
		f.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
}

// archive returns a release's archive, whose program prints its version.
func archive(t *testing.T, version string) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	text := "#!/bin/sh\necho kasou " + version + "\n"
	if err := w.WriteHeader(&tar.Header{Name: "kasou", Mode: 0o755, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gh stands in for GitHub's command, which verifies nothing but what GitHub signed: it
// writes down what it was asked, and its exit code is that of the file gh-exit.
const gh = `#!/bin/sh
printf '%s\n' "$@" >"$RUNNER_TEMP/gh-asked"
exit "$(cat "$RUNNER_TEMP/gh-exit")"
`

// run runs release.sh as the action does, and returns its exit code, what it printed and
// the folder of its files.
func (f *forge) run(ref string, ghExit string, env ...string) (code int, said, temp string) {
	f.t.Helper()
	temp = f.t.TempDir()
	bin := filepath.Join(temp, "bin")
	files := map[string]string{"GITHUB_OUTPUT": "", "GITHUB_PATH": "", "gh-exit": ghExit}
	if ghExit != "" {
		files["bin/gh"] = gh
	}
	if err := os.Mkdir(bin, 0o755); err != nil {
		f.t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(temp, name), []byte(text), 0o755); err != nil {
			f.t.Fatal(err)
		}
	}
	repo, err := filepath.Abs(root)
	if err != nil {
		f.t.Fatal(err)
	}
	c := exec.Command("bash", filepath.Join(repo, "action", "release.sh"))
	c.Dir = temp
	c.Env = append([]string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + temp, "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GITHUB_ACTION_PATH=" + repo, "GITHUB_SERVER_URL=file://" + f.dir, "RUNNER_TEMP=" + temp, "RUNNER_OS=Linux", "RUNNER_ARCH=X64",
		"GITHUB_OUTPUT=" + filepath.Join(temp, "GITHUB_OUTPUT"), "GITHUB_PATH=" + filepath.Join(temp, "GITHUB_PATH"),
		"KASOU_REPOSITORY=team/kasou", "KASOU_REF=" + ref,
	}, env...)
	out, err := c.CombinedOutput()
	if err != nil && c.ProcessState == nil {
		f.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(out), temp
}

func sums(name string, data []byte) []byte {
	return fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(data), name)
}

const linux = "kasou_linux_amd64.tar.gz"

// A released program is taken only where it is of the action's own commit and holds.
func TestTheActionTakesAVerifiedRelease(t *testing.T) {
	f := newForge(t)
	good := archive(t, "1.0.0")
	files := map[string][]byte{linux: good, "attestation.jsonl": []byte("{}"), "checksums.txt": append(sums("other.tar.gz", nil), sums(linux, good)...)}
	f.release("v1.0.0", files)
	f.release("v1.1.0", files)
	f.release("moving", files)
	annotated := f.git(filepath.Join(f.dir, "team", "kasou"), "rev-parse", "v1.1.0^{commit}")
	for _, test := range []struct{ ref, tag, commit string }{
		{f.commit, "v1.0.0", f.commit}, {"v1.0.0", "v1.0.0", f.commit},
		{annotated, "v1.1.0", annotated}, {"v1.1.0", "v1.1.0", annotated},
	} {
		code, said, temp := f.run(test.ref, "0")
		output, _ := os.ReadFile(filepath.Join(temp, "GITHUB_OUTPUT"))
		program := strings.TrimSpace(strings.TrimPrefix(string(output), "program="))
		if code != 0 || program == "" || !strings.Contains(said, test.tag+", commit "+test.commit+", verified") {
			t.Errorf("%s: %d %q\n%s", test.ref, code, output, said)
			continue
		}
		if out, err := exec.Command(program).Output(); err != nil || string(out) != "kasou 1.0.0\n" {
			t.Errorf("%s: the program says %q, %v", test.ref, out, err)
		}
		asked, _ := os.ReadFile(filepath.Join(temp, "gh-asked"))
		for _, part := range []string{"attestation\nverify\n", "--bundle\n", "--repo\nteam/kasou\n", "/team/kasou/.github/workflows/release.yaml\n", "--source-digest\n" + test.commit + "\n", "--deny-self-hosted-runners"} {
			if !strings.Contains(string(asked), part) {
				t.Errorf("%s: gh is not asked %q:\n%s", test.ref, part, asked)
			}
		}
	}
}

// Where no release is of the commit, the program is built; one that does not hold is an
// error, not another way to the same.
func TestTheActionRefusesAnotherRelease(t *testing.T) {
	f := newForge(t)
	good, other := archive(t, "1.0.0"), archive(t, "6.6.6")
	files := func(data, sum []byte) map[string][]byte {
		return map[string][]byte{linux: data, "attestation.jsonl": []byte("{}"), "checksums.txt": sum}
	}
	for _, test := range []struct {
		name, ref, gh string
		files         map[string][]byte
		env           []string
		code          int
		says          string
	}{
		{"a later commit", f.later, "0", files(good, sums(linux, good)), nil, 0, "no release is of " + f.later},
		{"a branch", "main", "0", files(good, sums(linux, good)), nil, 0, "no release is of main"},
		{"a tag that is not a version", "moving", "0", files(good, sums(linux, good)), nil, 0, "no release is of moving"},
		{"a part of a commit", f.commit[:12], "0", files(good, sums(linux, good)), nil, 0, "no release is of"},
		{"a pattern", "v1.*", "0", files(good, sums(linux, good)), nil, 0, "no release is of"},
		{"a command", "v1.0.0$(touch gone)", "0", files(good, sums(linux, good)), nil, 0, "no release is of"},
		{"another archive", f.commit, "0", files(other, sums(linux, good)), nil, 1, "the digest of kasou_linux_amd64.tar.gz is another one"},
		{"no digest", f.commit, "0", files(good, sums("other.tar.gz", good)), nil, 1, "the digest"},
		{"no attestation that holds", f.commit, "1", files(good, sums(linux, good)), nil, 1, "its attestation does not hold for the commit " + f.commit},
		{"no file for this system", f.commit, "0", map[string][]byte{"checksums.txt": nil, "attestation.jsonl": nil}, nil, 0, "has no kasou_linux_amd64.tar.gz"},
		{"no bundle", f.commit, "0", map[string][]byte{linux: good, "checksums.txt": sums(linux, good)}, nil, 0, "has no attestation.jsonl"},
		{"an unknown system", f.commit, "0", files(good, sums(linux, good)), []string{"RUNNER_ARCH=RISCV"}, 0, "no release for Linux on RISCV"},
		{"another system", f.commit, "0", files(good, sums(linux, good)), []string{"RUNNER_OS=Windows"}, 0, "has no kasou_windows_amd64.zip"},
		{"no server", f.commit, "0", files(good, sums(linux, good)), []string{"KASOU_REPOSITORY=team/nothing"}, 0, "cannot be read"},
		{"asked to build", f.commit, "0", files(good, sums(linux, good)), []string{"KASOU_SOURCE=build"}, 0, "source is build"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.release("v1.0.0", test.files)
			code, said, temp := f.run(test.ref, test.gh, test.env...)
			output, _ := os.ReadFile(filepath.Join(temp, "GITHUB_OUTPUT"))
			if code != test.code || !strings.Contains(said, test.says) || len(output) > 0 {
				t.Errorf("exit code %d, want %d; outputs %q; said\n%s", code, test.code, output, said)
			}
			if _, err := os.Stat(filepath.Join(temp, "gone")); err == nil {
				t.Error("a ref was run as a command")
			}
		})
	}
	if _, err := exec.LookPath("gh"); err != nil {
		f.release("v1.0.0", files(good, sums(linux, good)))
		if code, said, _ := f.run(f.commit, ""); code != 0 || !strings.Contains(said, "the gh command, which verifies a release, is not there") {
			t.Errorf("without gh: %d\n%s", code, said)
		}
	}
}

// What people write into inputs reaches kasou as it stands.
func TestTheActionPassesItsInputs(t *testing.T) {
	temp := t.TempDir()
	program := filepath.Join(temp, "kasou")
	script := "#!/bin/sh\nprintf '[%s]\\n' \"$@\"\necho \"token=$GITHUB_TOKEN kubeconfig=$(cat \"$KUBECONFIG\" 2>/dev/null) left=$KASOU_TOKEN$KASOU_KUBECONFIG\"\nls -l \"$KUBECONFIG\" 2>/dev/null\nexit 7\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(env ...string) (string, int) {
		c := exec.Command("bash", filepath.Join(root, "action", "run.sh"))
		c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "RUNNER_TEMP=" + temp, "KASOU_PROGRAM=" + program, "KASOU_COMMAND=", "KASOU_CLUSTERS=clusters",
			"KASOU_SHARD=", "KASOU_PUBLISH=", "KASOU_TOOLCHAIN=embedded", "KASOU_ARGUMENTS=", "KASOU_TOKEN=", "KASOU_KUBECONFIG="}, env...)
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState.ExitCode()
	}
	out, code := run()
	if want := "[ci]\n[--clusters]\n[clusters]\n[--toolchain]\n[embedded]\ntoken= kubeconfig= left=\n"; out != want || code != 7 {
		t.Errorf("%d\n%s", code, out)
	}
	out, _ = run("KASOU_COMMAND=check", "KASOU_CLUSTERS=my fleet", "KASOU_SHARD=1/2", "KASOU_PUBLISH=none", "KASOU_TOKEN=ghs_1", "KASOU_KUBECONFIG=a: 1",
		"KASOU_ARGUMENTS=--issue\n\n--output-file=/tmp/a b; touch gone $(touch gone)\n")
	for _, part := range []string{"[check]\n", "[my fleet]\n", "[--shard]\n[1/2]\n", "[--publish]\n[none]\n", "[--issue]\n[--output-file=/tmp/a b; touch gone $(touch gone)]\n",
		"token=ghs_1 kubeconfig=a: 1 left=\n", "-rw-------"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	if _, err := os.Stat(filepath.Join(temp, "kasou-kubeconfig")); !os.IsNotExist(err) {
		t.Errorf("the kubeconfig is left behind: %v", err)
	}
}
