// Proxy prints the proxy that it would use.
package main

import (
	"fmt"
	"os"
)

func main() { fmt.Print(os.Getenv("HTTPS_PROXY")) }
