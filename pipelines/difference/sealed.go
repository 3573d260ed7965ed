package difference

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"kasou/pipelines/manifest"
)

// sealed tells why the values of a SealedSecret were sealed anew, and takes out of both
// documents what nobody can read: the ciphertext, and what kasou records about it.
func (c *comparison) sealed(place place, a, b *yaml.Node) {
	if !isSealed(a) && !isSealed(b) {
		return
	}
	if why := sealedAnew(a, b); why != "" {
		c.found = append(c.found, Value{Path: place.prefix + "spec.encryptedData", Note: why})
	}
	for _, object := range []*yaml.Node{a, b} {
		if annotations := at(object, "metadata", "annotations"); isSealed(object) && annotations != nil {
			remove(annotations, manifest.SealedAt, manifest.SealedWith, manifest.Tag, manifest.PlaintextTag, manifest.DocumentTag)
		}
		for _, cipher := range ciphertexts(object) {
			*cipher = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "(sealed)"}
		}
	}
}

func isSealed(object *yaml.Node) bool { return scalarAt(object, "kind") == "SealedSecret" }

func isSecret(object *yaml.Node) bool { return scalarAt(object, "kind") == "Secret" }

// HoldsSecret reports whether a file has a Secret in it that is not sealed, or may have
// one, as it does not parse: nothing of it is to be shown.
func HoldsSecret(data []byte) bool {
	if !bytes.Contains(data, []byte("Secret")) && !bytes.Contains(data, []byte(`\`)) { // a text can be escaped
		return false
	}
	roots, ok := documents(data)
	return !ok || slices.ContainsFunc(roots, isSecret)
}

// sealedAnew returns in words how the values of a SealedSecret differ; "" where they are
// the same, and where there is none on one side.
func sealedAnew(a, b *yaml.Node) string {
	if !isSealed(a) || !isSealed(b) {
		return ""
	}
	annotation := func(object *yaml.Node, name string) string {
		return scalarAt(at(object, "metadata", "annotations"), name)
	}
	differs := func(name string) bool { return annotation(a, name) != annotation(b, name) }
	if slices.EqualFunc(ciphertexts(a), ciphertexts(b), func(a, b *yaml.Node) bool { return a.Value == b.Value }) {
		if differs(manifest.Tag) || differs(manifest.PlaintextTag) || differs(manifest.DocumentTag) {
			return "the values stay, their tags are new"
		}
		return ""
	}
	before, after := annotation(a, manifest.PlaintextTag), annotation(b, manifest.PlaintextTag)
	switch {
	case before == "" || after == "":
		return "sealed anew"
	case keyOf(before) != keyOf(after):
		return "sealed anew: KASOU_SEAL_KEY is another"
	case before != after:
		return "sealed anew: the values changed"
	case differs(manifest.SealedWith):
		return "sealed anew: the certificate was renewed"
	}
	return "sealed anew: the values are the same"
}

// keyOf returns the id of the key that a tag was made with.
func keyOf(tag string) string {
	if parts := strings.Fields(tag); len(parts) > 1 {
		return parts[1]
	}
	return ""
}

// ciphertexts returns the sealed values of a SealedSecret, as they stand.
func ciphertexts(object *yaml.Node) (all []*yaml.Node) {
	data := at(object, "spec", "encryptedData")
	if !isSealed(object) || data == nil || data.Kind != yaml.MappingNode {
		return nil
	}
	for i := 1; i < len(data.Content); i += 2 {
		if n := resolved(data.Content[i]); n.Kind == yaml.ScalarNode {
			all = append(all, n)
		}
	}
	return all
}

// remove takes keys out of a mapping.
func remove(mapping *yaml.Node, keys ...string) {
	var kept []*yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if !slices.Contains(keys, mapping.Content[i].Value) {
			kept = append(kept, mapping.Content[i:i+2]...)
		}
	}
	mapping.Content = kept
}

// redacted returns both texts of a file without the ciphertext in them: whoever reads a
// difference can tell that it is another, and nothing more.
func redacted(before, after []byte) (string, string) {
	old, now := sealedTexts(before), sealedTexts(after)
	return redact(string(before), old, now, "(sealed before)"), redact(string(after), now, old, "(sealed anew)")
}

func redact(text string, own, others []string, changed string) string {
	for _, cipher := range own {
		word := changed
		if slices.Contains(others, cipher) {
			word = "(sealed)"
		}
		text = strings.ReplaceAll(text, cipher, word)
	}
	return text
}

// sealedTexts returns the ciphertexts in a file. What is shorter than a key of RSA makes
// is none.
func sealedTexts(data []byte) (texts []string) {
	const shortest = 100
	roots, ok := documents(data)
	if !ok {
		return nil
	}
	for _, root := range roots {
		for _, n := range ciphertexts(root) {
			if len(n.Value) >= shortest {
				texts = append(texts, n.Value)
			}
		}
	}
	return texts
}
