// Command dying stands for package batch in a container that is killed for its
// memory, where the order names the guilty.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"kasou/pipelines/toolchain/dagger/batch"
)

var guilty string

func main() {
	order, err := os.ReadFile(filepath.Join(batch.OrderDir, batch.OrderFile))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// A Secret's name stands in no order.
	if bytes.Contains(order, []byte(guilty)) || bytes.Contains(order, []byte("--secret-file")) {
		os.Exit(137)
	}
	batch.Main()
}
