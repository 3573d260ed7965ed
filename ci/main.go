// The pipeline as CI runs it: `go run ./ci`, or `dagger run go run ./ci`.
package main

import (
	"os"

	"kasou/internal/cli"
	_ "kasou/internal/early"
	"kasou/pipelines/toolchain/embedded"
)

func main() {
	embedded.WorkerMain()
	os.Exit(cli.CI(os.Args[1:], cli.System()))
}
