package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
)

// The heap must be set up before the packages that fill it.
func TestTheHeapIsSetUpFirst(t *testing.T) {
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, trace)
	}
	var order []string
	for _, line := range regexp.MustCompile(`(?m)^init (\S+) @`).FindAllSubmatch(trace, -1) {
		order = append(order, string(line[1]))
	}
	early := slices.Index(order, "kasou/internal/early")
	for _, other := range []string{"github.com/santhosh-tekuri/jsonschema/v6", "k8s.io/client-go/kubernetes/scheme"} {
		if later := slices.Index(order, other); early < 0 || later < early {
			t.Errorf("%s is initialised at place %d, and the heap set up at %d", other, later, early)
		}
	}
}
