// Package network runs tests in a network of their own, without a way out: servers
// in it may listen on any address, on ports that others use outside, and names
// lead to them.
package network

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Own makes a command run in a network and with mounts of its own; without root,
// in a user namespace, too. It is for a program that calls Enter.
func Own(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// Enter brings the loopback device of the process's own network up, and has the
// names lead to it. Only a process that Own started may call it.
func Enter(names ...string) error {
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("the loopback device: %w", err)
	}
	// Mounts of this process are to stay its own.
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	table, err := os.CreateTemp("", "kasou-e2e-hosts-")
	if err != nil {
		return err
	}
	defer func() { _, _ = table.Close(), os.Remove(table.Name()) }()
	if err := table.Chmod(0o644); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(table, "127.0.0.1 localhost %s\n", strings.Join(names, " ")); err != nil {
		return err
	}
	return unix.Mount(table.Name(), "/etc/hosts", "", unix.MS_BIND, "")
}

func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}
