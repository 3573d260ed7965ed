package publish

import (
	"bytes"
	"context"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "kasou-home-*")
	if err != nil {
		panic(err)
	}
	config := filepath.Join(home, "gitconfig")
	if err := os.WriteFile(config, []byte("[init]\n\tdefaultBranch = main\n\ttemplateDir =\n"), 0o600); err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_CONFIG_GLOBAL": config, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_ASKPASS": "", "SSH_ASKPASS": "", "TMPDIR": home,
	} {
		os.Setenv(name, value)
	}
	code := m.Run()
	os.RemoveAll(home)
	os.Exit(code)
}

// server is git's own http-backend with one bare repository.
type server struct {
	repo, url string
	http      *httptest.Server

	mu sync.Mutex
	// beforePush is called before the server says which refs it has to one who
	// wants to push; an answer other than 0 is given in place of git's.
	beforePush func() int
	// cut, where positive, counts the pushes whose answer is not delivered.
	cut int
}

func newServer(t *testing.T) *server {
	t.Helper()
	projects := t.TempDir()
	s := &server{repo: filepath.Join(projects, "fleet.git")}
	if err := os.CopyFS(s.repo, os.DirFS(fresh(t))); err != nil {
		t.Fatal(err)
	}
	backend := cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(command(t, projects, "git", "--exec-path")), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + projects, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=tester",
			"HOME=" + os.Getenv("HOME"), "GIT_CONFIG_GLOBAL=" + os.Getenv("GIT_CONFIG_GLOBAL")},
	}
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(&backend, w, r) }))
	t.Cleanup(s.http.Close)
	s.url = s.http.URL + "/fleet.git"
	return s
}

var (
	once      sync.Once
	freshRepo string
)

// fresh returns a bare repository with one spec on main, made once.
func fresh(t *testing.T) string {
	once.Do(func() {
		folder, err := os.MkdirTemp("", "fresh-*")
		if err != nil {
			t.Fatal(err)
		}
		repo := filepath.Join(folder, "fleet.git")
		command(t, folder, "git", "init", "--quiet", "--bare", repo)
		command(t, repo, "git", "config", "http.receivepack", "true")
		command(t, repo, "git", "config", "uploadpack.allowFilter", "true")
		command(t, folder, "git", "clone", "--quiet", repo, "first")
		p := person{t, filepath.Join(folder, "first")}
		p.commit("clusters/one/spec.yaml", "one")
		p.push()
		freshRepo = repo
	})
	return freshRepo
}

func (s *server) serve(backend *cgi.Handler, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	before, cut := s.beforePush, s.cut
	pushing := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack")
	if pushing && cut > 0 {
		s.cut--
	}
	s.mu.Unlock()
	if before != nil && r.URL.Query().Get("service") == "git-receive-pack" {
		if status := before(); status != 0 {
			http.Error(w, "no", status)
			return
		}
	}
	if !pushing || cut == 0 {
		backend.ServeHTTP(w, r)
		return
	}
	backend.ServeHTTP(httptest.NewRecorder(), r) // the pack is received
	w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte("00"))
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler) // and the answer cut off
}

func (s *server) hook(t *testing.T, name, script string) {
	t.Helper()
	write(t, filepath.Join(s.repo, "hooks"), name, "#!/bin/sh\n"+script)
	if err := os.Chmod(filepath.Join(s.repo, "hooks", name), 0o755); err != nil {
		t.Fatal(err)
	}
}

// injecting is a hook that makes a person's commit on main as long as the file
// inject holds a number above 0: after the server said which refs it has, and
// before it takes the push.
const injecting = `
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
export GIT_AUTHOR_NAME=Person GIT_AUTHOR_EMAIL=p@example.com GIT_COMMITTER_NAME=Person GIT_COMMITTER_EMAIL=p@example.com
n=$(cat inject); [ "$n" -gt 0 ] || exit 0
echo $((n-1)) >inject
blob=$(echo "injected $n" | git hash-object -w --stdin)
export GIT_INDEX_FILE=injected-index
git read-tree refs/heads/main
git update-index --add --cacheinfo 100644,$blob,clusters/injected-$n/spec.yaml
commit=$(echo "Add injected-$n" | git commit-tree $(git write-tree) -p refs/heads/main)
git update-ref refs/heads/main $commit
`

// file returns a file's content at the tip of the server's main.
func (s *server) file(t *testing.T, name string) string {
	return command(t, s.repo, "git", "show", "main:"+name)
}

func (s *server) files(t *testing.T) []string {
	return strings.Fields(command(t, s.repo, "git", "ls-tree", "-r", "--name-only", "main"))
}

// subjects are those of main's commits, oldest first.
func (s *server) subjects(t *testing.T) []string {
	out := strings.TrimSpace(command(t, s.repo, "git", "log", "--reverse", "--format=%s", "main"))
	return strings.Split(out, "\n")
}

func (s *server) tip(t *testing.T) string {
	return strings.TrimSpace(command(t, s.repo, "git", "rev-parse", "main"))
}

// person works in a clone.
type person struct {
	t   *testing.T
	dir string
}

func (s *server) clone(t *testing.T, args ...string) person {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	command(t, s.repo, "git", append(append([]string{"clone", "--quiet"}, args...), s.url, dir)...)
	return person{t, dir}
}

func (p person) git(args ...string) string {
	p.t.Helper()
	who := []string{"-c", "user.name=Person", "-c", "user.email=person@example.com"}
	return command(p.t, p.dir, "git", append(who, args...)...)
}

func (p person) commit(file, content string) {
	p.t.Helper()
	write(p.t, p.dir, file, content)
	p.git("add", file)
	p.git("commit", "--quiet", "--message", "Change "+file)
}

func (p person) push() { p.t.Helper(); p.git("push", "--quiet", "origin", "HEAD:main") }

func (p person) read(file string) string {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, file))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, dir, file, content string) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, stderr.String())
	}
	return stdout.String()
}
