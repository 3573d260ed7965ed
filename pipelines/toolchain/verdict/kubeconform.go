package verdict

import (
	"errors"
	"strings"

	"kasou/pipelines/toolchain"
)

// EmptyDocument is what is wrong with a document without content.
const EmptyDocument = "nothing but null"

// Document tells what is wrong with a document from what is wrong with the
// schemas' files, in the message of a kubeconform error: it has only words for
// it. The error is the schemas'.
func Document(message string) (toolchain.Status, []toolchain.Problem, error) {
	if strings.HasPrefix(message, "could not find schema for ") {
		return toolchain.NoSchema, nil, nil
	}
	for _, prefix := range []string{"error unmarshalling resource: ", "error while parsing: "} {
		if reason, ok := strings.CutPrefix(message, prefix); ok {
			return toolchain.Broken, []toolchain.Problem{{Message: reason}}, nil
		}
	}
	return toolchain.Broken, nil, errors.New("kubeconform: " + message)
}

// LocalSchemas refuses what kubeconform would take for a web address, and an
// empty list, for which it has a web address of its own.
func LocalSchemas(locations []string) error {
	if len(locations) == 0 {
		return errors.New("no schema locations")
	}
	for _, location := range locations {
		if strings.HasPrefix(location, "http") || strings.Contains(location, "://") || location == "default" {
			return errors.New("schema location " + location + " is no local file")
		}
	}
	return nil
}
