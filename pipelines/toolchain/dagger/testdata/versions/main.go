// Versions prints the tools' versions that the embedded toolchain is made of, by Helm 3
// and by Helm 4.
package main

import (
	"encoding/json"
	"os"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

func main() {
	_ = json.NewEncoder(os.Stdout).Encode([]any{embedded.Versions(0), embedded.Versions(toolchain.Helm4)})
}
