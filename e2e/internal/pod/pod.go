// Package pod runs programs as a pod's container sees its world: a root folder
// with the files that a kubelet would mount, a ServiceAccount's token among them,
// and the programs' own mounts and processes, which go with them. The network and
// the system's own folders are those of the test.
package pod

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	authv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kasou/e2e/internal/cluster"
)

// ErrNoNamespaces is a system, or a user, that cannot make mount namespaces.
var ErrNoNamespaces = errors.New("cannot make mount namespaces: that needs Linux, and root or unprivileged user namespaces")

// accountPath is where a kubelet puts a ServiceAccount's files.
const accountPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// Pod is what a container sees. It is made of plain folders: what a program
// writes outside of /usr, /lib, /bin, /etc and the like stays in them.
type Pod struct {
	root   string
	mounts []string
	env    []string
}

// New returns a pod without an account. Remove takes its files away.
func New(name string) (*Pod, error) {
	root, err := os.MkdirTemp("", "kasou-e2e-"+name+"-")
	if err != nil {
		return nil, err
	}
	p := &Pod{root: root, env: []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/tmp"}}
	for _, dir := range []string{"/tmp", "/var/run"} {
		if err := p.Dir(dir); err != nil {
			return nil, errors.Join(err, os.RemoveAll(root))
		}
	}
	return p, nil
}

// Remove deletes the pod's files. Nothing of it may run any more.
func (p *Pod) Remove() { _ = os.RemoveAll(p.root) }

// Dir makes an empty folder at an absolute path inside.
func (p *Pod) Dir(path string) error { return os.MkdirAll(p.Outside(path), 0o755) }

// File writes a file at an absolute path inside.
func (p *Pod) File(path string, data []byte, mode os.FileMode) error {
	if err := p.Dir(filepath.Dir(path)); err != nil {
		return err
	}
	return os.WriteFile(p.Outside(path), data, mode)
}

// Mount shows a folder or file of the machine at an absolute path inside, where
// it can be written.
func (p *Pod) Mount(path, from string) error {
	info, err := os.Stat(from)
	if err == nil && info.IsDir() {
		err = p.Dir(path)
	} else if err == nil {
		err = p.File(path, nil, 0o755)
	}
	p.mounts = append(p.mounts, from+"="+p.Outside(path))
	return err
}

// Env sets variables, as NAME=VALUE.
func (p *Pod) Env(variables ...string) { p.env = append(p.env, variables...) }

// Log returns where on the machine a program's output may go: it stays until Remove.
func (p *Pod) Log(name string) string { return p.Outside("/tmp/" + name + ".log") }

// Outside returns where a path of the pod is on the machine.
func (p *Pod) Outside(path string) string { return filepath.Join(p.root, filepath.FromSlash(path)) }

// Account makes the pod one of a ServiceAccount: it has a token of an hour, and
// the variables by which clients find the API server.
func (p *Pod) Account(ctx context.Context, c *cluster.Cluster, namespace, name string) error {
	config, err := c.Admin()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("token of ServiceAccount %s/%s: %w", namespace, name, err)
	}
	for file, data := range map[string][]byte{"token": []byte(token.Status.Token), "ca.crt": c.CA, "namespace": []byte(namespace)} {
		if err := p.File(accountPath+"/"+file, data, 0o600); err != nil {
			return err
		}
	}
	p.Env("KUBERNETES_SERVICE_HOST=127.0.0.1", fmt.Sprintf("KUBERNETES_SERVICE_PORT=%d", c.Port))
	return nil
}

// Command returns a program that runs in the pod, not started. Paths are those
// inside.
func (p *Pod) Command(args ...string) *exec.Cmd {
	cmd := isolated(append([]string{"sh", "-c", enter, "sh", p.root, strings.Join(p.mounts, "\n")}, args...)...)
	cmd.Env = p.env
	return cmd
}

// Try reports why no pod can run here, as an ErrNoNamespaces; nil where one can.
func Try() error {
	p, err := New("try")
	if err != nil {
		return err
	}
	defer p.Remove()
	if out, err := p.Command("true").CombinedOutput(); err != nil {
		return fmt.Errorf("%w (%w %s)", ErrNoNamespaces, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// enter shows the system's folders and the pod's mounts below its root, and goes
// there for good: $1 is the root, $2 the mounts, FROM=TO a line, the rest the
// program.
const enter = `
set -e
root=$1 mounts=$2; shift 2
for dir in usr bin sbin lib lib64 etc dev; do
  [ -e "/$dir" ] || continue
  mkdir -p "$root/$dir"
  mount --rbind "/$dir" "$root/$dir"
done
mkdir -p "$root/proc"
mount -t proc proc "$root/proc"
printf '%s\n' "$mounts" | while IFS== read -r from to; do
  [ -z "$from" ] || mount --bind "$from" "$to"
done
exec chroot "$root" "$@"`
