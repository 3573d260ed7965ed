//go:build !linux

package process

import "os/exec"

// dieWithParent can do nothing: the system has no such thing.
func dieWithParent(*exec.Cmd) {}
