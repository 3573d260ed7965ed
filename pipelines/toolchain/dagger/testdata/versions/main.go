// Versions prints the tools' versions that the embedded toolchain is made of.
package main

import (
	"encoding/json"
	"os"

	"kasou/pipelines/toolchain/embedded"
)

func main() { _ = json.NewEncoder(os.Stdout).Encode(embedded.Versions()) }
