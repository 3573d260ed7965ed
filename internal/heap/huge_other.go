//go:build !linux

package heap

// askHuge is false: only Linux is asked.
func askHuge() bool { return false }

func preferHuge([]byte) {}
