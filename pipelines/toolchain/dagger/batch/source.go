package batch

import _ "embed"

// Sources are the files that the program is compiled from, for an engine's
// platform; the one that calls Main is added.
var Sources = map[string]string{"batch.go": program, "wire.go": wire}

//go:embed batch.go
var program string

//go:embed wire.go
var wire string
