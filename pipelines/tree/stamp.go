package tree

import (
	"bytes"
	"fmt"

	"kasou/pipelines/manifest"
)

// stampPrefix heads the second line of a file that must prove by itself that
// kasou wrote it.
const stampPrefix = "# kasou: "

// Header returns the comment line that heads kasou's own objects. spec is the
// path of the spec.yaml they are made from, relative to the repo's root.
func Header(spec string) []byte {
	return fmt.Appendf(nil, "# Written by kasou from %s. Do not edit.\n", spec)
}

// Stamp returns body below a header and a line with body's digest. By that line
// kasou knows a file in root/ as its own and unedited when the folder of the
// cluster, and the lock in it, are gone. It is not a signature: it tells an edit,
// not a forgery.
func Stamp(spec string, body []byte) []byte {
	out := Header(spec)
	out = fmt.Appendf(out, "%s%s\n", stampPrefix, manifest.Digest(body))
	return append(out, body...)
}

// Stamped reports whether data is exactly what Stamp returned for spec and some body.
func Stamped(spec string, data []byte) bool {
	rest, ok := bytes.CutPrefix(data, Header(spec))
	if !ok {
		return false
	}
	line, body, ok := bytes.Cut(rest, []byte("\n"))
	return ok && string(line) == stampPrefix+manifest.Digest(body)
}
