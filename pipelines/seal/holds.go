package seal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
)

// What is a Secret is decided here, on parsed documents alone, as Kubernetes' parser
// reads them: YAML has more line ends, escapes and tags than any reader of lines knows.

// holds reports whether Kubernetes finds a Secret in the document, be it in a List.
// The error says why that cannot be told: it is not YAML, holds more than one
// document, or is read differently by those who read it.
func holds(d manifest.Document) (bool, error) {
	switch {
	case d.Object != nil && misspeltSecret(d.Object):
		return false, errParsersDiffer
	case d.Object != nil && holdsSecret(d.Object):
		return true, nil
	case errors.Is(d.Err, manifest.ErrManyDocuments):
		return false, d.Err
	case d.Err == nil && !mayHoldSecret(d.Bytes):
		return false, nil
	}
	// Another parser has to agree.
	object, err := read(d.Bytes)
	if err == nil && object != nil && holdsSecret(object) {
		err = errParsersDiffer
	}
	return false, err
}

// wholeHoldsSecret is holds for a part that one of the splitters cuts out.
func wholeHoldsSecret(data []byte) bool {
	var whole map[string]any
	return sigsyaml.Unmarshal(data, &whole) == nil && (misspeltSecret(whole) || holdsSecret(whole))
}

// misspeltSecret reports whether an object, or one in it where it is a List, is a
// Secret to those who take Kind for kind, as Go's decoder of JSON does, or is one
// without being an object at all.
func misspeltSecret(object map[string]any) bool {
	for key, value := range object {
		if key != "kind" && strings.EqualFold(key, "kind") && (value == "Secret" || value == "SecretList") {
			return true
		}
		if !strings.EqualFold(key, "items") {
			continue
		}
		list, _ := value.([]any)
		for _, item := range list {
			inner, ok := item.(map[string]any)
			if !ok && object["kind"] == "SecretList" {
				return true // the item has its kind from the list
			}
			if ok && (misspeltSecret(inner) || key != "items" && holdsSecret(inner)) {
				return true
			}
		}
	}
	return false
}

// oddities are line ends that not every parser knows, and marks of other encodings.
var oddities = [][]byte{[]byte("\r"), {0}, []byte("\u0085"), []byte("\u2028"), []byte("\u2029"), []byte("\ufeff")}

// dividedOtherwise reports whether a file has anything at which those who read
// manifests do not agree where one document ends and the next begins. Without it
// all of them cut at the lines that split cuts at.
func dividedOtherwise(data []byte) bool {
	for _, odd := range oddities {
		if bytes.Contains(data, odd) {
			return true
		}
	}
	for line := range bytes.Lines(data) {
		rest, marker := bytes.CutPrefix(line, []byte("---"))
		if marker && len(bytes.Trim(rest, " \t\n")) > 0 || bytes.HasPrefix(line, []byte("...")) {
			return true
		}
	}
	return false
}

// otherwiseHoldsSecret reports whether any of those who read manifests finds a
// Secret in the file, in its own way to divide it.
func otherwiseHoldsSecret(data []byte) bool {
	if slices.ContainsFunc(divisions(data), wholeHoldsSecret) {
		return true
	}
	for _, decode := range []func(any) error{yaml.NewDecoder(bytes.NewReader(data)).Decode, json.NewDecoder(bytes.NewReader(data)).Decode} {
		for {
			var object map[string]any
			if decode(&object) != nil {
				break // it goes no further
			}
			if holdsSecret(object) || misspeltSecret(object) {
				return true
			}
		}
	}
	return false
}

// divisions returns the documents of the file as each splitter of Kubernetes'
// libraries cuts it.
func divisions(data []byte) [][]byte {
	all := bytes.Split(data, []byte("\n---"))
	for reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data))); ; {
		document, err := reader.Read()
		if err != nil {
			break
		}
		all = append(all, document)
	}
	documents := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(data)))
	defer documents.Close()
	for buffer := make([]byte, len(data)+1); ; {
		n, err := documents.Read(buffer)
		if err != nil {
			return all
		}
		all = append(all, bytes.Clone(buffer[:n]))
	}
}
