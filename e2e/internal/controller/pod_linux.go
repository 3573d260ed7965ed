package controller

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// mountAccount puts the ServiceAccount's files where a pod has them: $1 is the
// folder with the files, the rest the command. Nothing of it is seen outside.
const mountAccount = `
set -e
files=$1; shift
run=$(readlink -f /var/run)
cd "$files"
mount -t tmpfs -o mode=0755 tmpfs "$run"
mkdir -p "$run/secrets/kubernetes.io/serviceaccount"
cp token ca.crt namespace "$run/secrets/kubernetes.io/serviceaccount/"
exec "$@"`

// inPod gives a command that runs with the files of a ServiceAccount, in a
// mount namespace; without root, in a user namespace too.
func inPod(files string, command ...string) *exec.Cmd {
	cmd := exec.Command("sh", append([]string{"-c", mountAccount, "sh", files}, command...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// namespacesWork tries what inPod needs.
func namespacesWork() error {
	dir, err := os.MkdirTemp("", "kasou-e2e-namespace-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, name := range []string{"token", "ca.crt", "namespace"} {
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			return err
		}
	}
	if out, err := inPod(dir, "true").CombinedOutput(); err != nil {
		return &namespaceError{err: err, said: strings.TrimSpace(string(out))}
	}
	return nil
}

type namespaceError struct {
	err  error
	said string
}

func (e *namespaceError) Error() string { return strings.TrimSpace(e.err.Error() + " " + e.said) }
