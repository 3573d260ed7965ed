// The kasou command: virtual Kubernetes clusters by GitOps.
package main

import (
	"os"

	"kasou/internal/cli"
	_ "kasou/internal/early"
	"kasou/pipelines/toolchain/embedded"
)

func main() {
	embedded.WorkerMain()
	os.Exit(cli.Main(os.Args[1:], cli.System()))
}
