// Package bundle holds the JSON schemas that kasou brings along: Kubernetes
// from 1.28 on, Argo CD's Application and AppProject, and SealedSecret. It
// makes them from OpenAPI definitions and CustomResourceDefinitions, strictly
// and without their descriptions.
package bundle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Kind is an object that a Bundle has a schema for.
type Kind struct {
	// Group is empty for the core group.
	Group   string `json:"group,omitempty"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	// Definition names the schema among the bundle's definitions.
	Definition string `json:"definition"`
}

// APIVersion returns group/version as it stands in a manifest.
func (k Kind) APIVersion() string {
	if k.Group == "" {
		return k.Version
	}
	return k.Group + "/" + k.Version
}

// File returns the path of the kind's schema file, as Location finds it.
func (k Kind) File() string {
	folder := k.Group
	if folder == "" {
		folder = k.Version
	}
	return fmt.Sprintf("%s/%s_%s.json", folder, strings.ToLower(k.Kind), k.Version)
}

// Location is the kubeconform path template of the files that Bundle.Files
// gives. It has the whole group: kubeconform's usual names keep only its first
// label, and so take networking.example.com for networking.k8s.io.
const Location = "{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"

// Schema is a JSON schema, draft 4, as encoding/json reads it into a map.
type Schema = map[string]any

// Bundle is a set of schemas that refer to each other.
type Bundle struct {
	// Source says what the bundle was made from, such as
	// k8s.io/kubernetes@v1.34.4.
	Source string `json:"source"`
	// Kinds are sorted by file.
	Kinds []Kind `json:"kinds"`
	// Definitions refer to each other by #/definitions/NAME.
	Definitions map[string]Schema `json:"definitions"`
	// Scopes are those of the CustomResourceDefinitions that were added.
	Scopes []Scope `json:"-"`
}

// Scope is a kind of custom resources, and whether they have no namespace.
type Scope struct {
	Group, Kind string
	Cluster     bool
	// At is FILE:LINE of the definition that says so, where it comes from a file.
	At string
}

// String returns KIND.GROUP.
func (s Scope) String() string { return s.Kind + "." + s.Group }

// Encode returns the bundle as JSON: the same bundle, the same bytes.
func (b *Bundle) Encode() ([]byte, error) {
	data, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode the schemas of %s: %w", b.Source, err)
	}
	return data, nil
}

// Sort orders the kinds, by file.
func (b *Bundle) Sort() {
	slices.SortFunc(b.Kinds, func(x, y Kind) int { return cmp.Compare(x.File(), y.File()) })
}

// Decode reads what Encode wrote.
func Decode(data []byte) (*Bundle, error) {
	b := &Bundle{}
	if err := decode(data, b); err != nil {
		return nil, fmt.Errorf("decode a schema bundle: %w", err)
	}
	return b, nil
}

// decode keeps numbers as they are written.
func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(into)
}
