package conform

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"kasou/pipelines/manifest"
)

// origin stands for the folder that the schemas will be in.
const origin = "file:///schemas/"

// compile says which files are no JSON schemas, or refer to what is not among
// them: kubeconform would fetch that, over the network even.
func compile(files manifest.Files) []string {
	var messages []string
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	compiler.UseLoader(loader(files))
	for _, name := range files.Paths() {
		if _, err := compiler.Compile(origin + (&url.URL{Path: name}).EscapedPath()); err != nil {
			messages = append(messages, fmt.Sprintf("%s: %s", name, strings.ReplaceAll(err.Error(), origin, "")))
		}
	}
	return messages
}

// loader loads schemas out of files, and nothing else.
type loader manifest.Files

// Load returns the schema at an address below origin.
func (l loader) Load(address string) (any, error) {
	escaped, ok := strings.CutPrefix(address, origin)
	if !ok {
		return nil, fmt.Errorf("it refers to %s, outside of its folder", address)
	}
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, err
	}
	data, ok := l[name]
	if !ok {
		return nil, fmt.Errorf("it refers to %s, which is not there", name)
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}
