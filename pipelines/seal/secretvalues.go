package seal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
)

// SecretValues are a cluster's manifests once more, rendered with other values in the
// place of placeholders. Where the two differ, a value goes: so it is seen in
// whatever form a template puts it.
type SecretValues struct {
	// Files have the same paths as those that Rendered is given.
	Files manifest.Set
	// Alike are the same once more, rendered with other values of the same lengths:
	// whatever is sealed must have the same lengths in both, for a ciphertext shows
	// that of its plaintext to everyone.
	Alike manifest.Set
	// Known says that Files hold the real values, for the Secrets to be sealed.
	// Otherwise no plaintext is at hand, and what is committed is kept.
	Known bool
	// Placeholders are those of the spec's valuesFrom, in its order.
	Placeholders []string
}

// sameFiles reports whether both renders have the same paths. A path could hold a
// value, so none is named.
func (v *SecretValues) sameFiles(c fleet.Cluster, files manifest.Set) finding.List {
	if v == nil || slices.Equal(files.Paths(), v.Files.Paths()) && slices.Equal(files.Paths(), v.Alike.Paths()) {
		return nil
	}
	return finding.List{c.Finding(finding.Error, RuleUnsealedValue, inValuesFrom,
		"which files the chart renders depends on a value that must not stand in git", unsealedHint)}
}

var inValuesFrom = []string{"spec", "valuesFrom"}

const unsealedHint = "Leave the value out of what the chart does not render into a Secret, or write it into spec.values if it is not a secret."

// leak says that a value reaches the field of an unsealed document.
func (m *renderedFile) leak(line int, what string, placeholder any) {
	field := inValuesFrom
	source := "a value of valuesFrom"
	for i, p := range m.values.Placeholders {
		text, _ := placeholder.(string)
		if strings.Contains(text, p) || len(m.values.Placeholders) == 1 {
			field, source = append(slices.Clone(field), fmt.Sprint(i)), m.cluster.Spec.ValuesFrom[i].Source()
		}
	}
	m.found = append(m.found, m.cluster.Finding(finding.Error, RuleUnsealedValue, field,
		fmt.Sprintf("%s reaches %s:%d, %s, which is not sealed", source, m.path, line, what), unsealedHint))
}

// variants returns the variants of each document; nil where there are none, or
// where a finding says that the documents do not correspond.
func variants(m *renderedFile, f manifest.File) []variant {
	if m.values == nil || bytes.Equal(f.Bytes, m.values.Files[m.path].Bytes) {
		return nil
	}
	other, alike := m.values.Files[m.path], m.values.Alike[m.path]
	if len(other.Documents) != len(f.Documents) || len(alike.Documents) != len(f.Documents) {
		m.leak(1, "the number of documents", nil)
		return nil
	}
	if !bytes.Equal(f.Between(), other.Between()) {
		m.leak(1, "a comment between the documents", nil)
		return nil
	}
	all := make([]variant, len(f.Documents))
	for i := range all {
		all[i] = variant{other.Documents[i], alike.Documents[i]}
	}
	return all
}

// variant is a document rendered with the values, and with others of the same lengths.
type variant struct{ with, alike manifest.Document }

// pair is variant for an object.
type pair struct{ with, alike map[string]any }

// compareAll reports in what a document without a Secret differs from its variant: in
// its fields, or else in its text.
func (m *renderedFile) compareAll(d document, with manifest.Document) {
	if n := len(m.found); !m.compare(d, with.Object) && len(m.found) == n {
		m.leak(d.Line+firstDifferent(d.Bytes, with.Bytes), "a comment or the form of "+objectName(d.Object), nil)
	}
}

// firstDifferent returns how many lines the two have in common.
func firstDifferent(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return bytes.Count(a[:n], []byte("\n"))
}

// secretWith seals the Secret with the data of its variant. Everything else of
// it becomes part of the SealedSecret as it is, and must not differ.
func (m *renderedFile) secretWith(ctx context.Context, d document, both pair) ([]byte, error) {
	object, other := d.object, both.with
	if reflect.DeepEqual(object, other) {
		return m.secret(ctx, object, d.kindLine, InGit)
	}
	before := len(m.found)
	bare, with := maps.Clone(object), maps.Clone(object)
	variant := maps.Clone(other)
	for _, key := range []string{"data", "stringData"} {
		if !sameKeys(object[key], other[key]) {
			m.leak(d.kindLine, "the keys of "+objectName(object), nil)
		}
		delete(bare, key)
		delete(variant, key)
		if other[key] != nil {
			with[key] = other[key]
		}
	}
	m.compare(document{Document: d.Document, object: bare, kindLine: d.kindLine}, variant)
	compareLengths(m, d, both)
	switch {
	case len(m.found) > before:
		return nil, nil
	case m.values.Known:
		return m.secret(ctx, with, d.kindLine, Guessable)
	}
	return m.unknown(ctx, object, d.kindLine)
}

// compareLengths reports the values that are to be sealed and have another length
// than with other values of the same length: a chart can write a text into
// lengths, a character in each.
func compareLengths(m *renderedFile, d document, both pair) {
	with, alike := lengths(both.with), lengths(both.alike)
	for _, key := range slices.SortedFunc(maps.Keys(lengths(d.object)), compareKeys) {
		if with[key] == alike[key] && len(with) == len(alike) {
			continue
		}
		m.leak(d.lineOf(key.field, key.name), fmt.Sprintf("the length of %s.%s of %s", key.field, key.name, objectName(d.object)), nil)
	}
}

// valueKey is a key in data or stringData.
type valueKey struct{ field, name string }

// compareKeys sorts by field and name.
func compareKeys(a, b valueKey) int {
	return cmp.Or(cmp.Compare(a.field, b.field), cmp.Compare(a.name, b.name))
}

// lengths returns the lengths of a Secret's values, in bytes.
func lengths(secret map[string]any) map[valueKey]int {
	all := map[valueKey]int{}
	for _, field := range []string{"data", "stringData"} {
		values, _ := texts(secret, field)
		for name, value := range values {
			all[valueKey{field, name}] = len(value)
			if raw, err := base64.StdEncoding.DecodeString(value); field == "data" && err == nil {
				all[valueKey{field, name}] = len(raw)
			}
		}
	}
	return all
}

func sameKeys(a, b any) bool {
	first, ok1 := a.(map[string]any)
	second, ok2 := b.(map[string]any)
	return ok1 == ok2 && slices.Equal(slices.Sorted(maps.Keys(first)), slices.Sorted(maps.Keys(second)))
}

// unknown keeps the committed SealedSecret of a Secret whose plaintext is not
// at hand.
func (m *renderedFile) unknown(ctx context.Context, object map[string]any, line int) ([]byte, error) {
	secret, problem := readSecret(object, m.cluster.Spec.Namespace)
	if problem != "" {
		return m.secret(ctx, object, line, Guessable) // says what is wrong
	}
	previous, recorded := m.committed()
	name := secret.Namespace + "/" + secret.Name
	switch {
	case sealedNamed(previous, secret.Namespace, secret.Name) == nil:
		m.add(line, RuleUnverifiable, "there is no SealedSecret "+name+" here, and no value to make it with",
			"Run kasou build where the values of spec.valuesFrom and "+KeyEnv+" are, and commit what it writes.")
		return nil, nil
	case recorded != "" && manifest.Digest(previous) != recorded:
		m.add(line, RuleTampered, "the file of SealedSecret "+name+" is not the one that the lock records",
			"Put it back from git's history, or run kasou build where the values of spec.valuesFrom are.")
		return nil, nil
	}
	result, found, err := m.sealer.Secret(ctx, Request{
		Cluster: m.cluster, Path: m.path, Line: line, Entropy: Guessable,
		Namespace: secret.Namespace, Name: secret.Name,
		Previous: previous, Recorded: recorded,
	})
	m.found = append(m.found, found...)
	return result.Document, err
}
