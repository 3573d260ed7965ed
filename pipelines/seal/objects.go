package seal

import (
	"bytes"

	"kasou/pipelines/manifest"
)

// isSecret reports whether an object is a Secret, of whatever group: what is
// named so is not let through unseen.
func isSecret(object map[string]any) bool { return manifest.Text(object, "kind") == "Secret" }

// complete writes kind and version into the items of a SecretList that have none, as
// the API server does.
func complete(object map[string]any) {
	for _, item := range manifest.Maps(object, "items") {
		if manifest.Text(object, "kind") == "SecretList" && manifest.Text(item, "kind") == "" {
			item["apiVersion"], item["kind"] = "v1", "Secret"
		}
		complete(item)
	}
}

// holdsSecret reports whether an object is a Secret or a List with one in it, at any
// depth. A List is whatever has items: Kubernetes' tools apply each of those, whatever
// the kind is called.
func holdsSecret(object map[string]any) bool {
	if isSecret(object) {
		return true
	}
	for _, item := range manifest.Maps(object, "items") {
		if holdsSecret(item) || manifest.Text(object, "kind") == "SecretList" && manifest.Text(item, "kind") == "" {
			return true
		}
	}
	return false
}

// each calls visit for an object and, where it is a List, for everything in it.
func each(object map[string]any, visit func(map[string]any)) {
	visit(object)
	for _, item := range manifest.Maps(object, "items") {
		each(item, visit)
	}
}

// mayHoldSecret reports whether a document in which Kubernetes finds no Secret is
// worth a second look, by another parser. The word stands in it as such, unless an
// escape, a tag or another encoding than UTF-8 hides it.
func mayHoldSecret(data []byte) bool {
	return bytes.Contains(data, []byte("Secret")) || bytes.ContainsAny(data, "\\!\x00")
}

// findSealed returns the SealedSecret for want in a committed file: by namespace
// and name, else the only one. nil where there is none.
func findSealed(file []byte, want *sealed) *sealed {
	if want != nil {
		if s := sealedNamed(file, want.namespace, want.name); s != nil {
			return s
		}
	}
	if all := allSealed(file); len(all) == 1 {
		return all[0]
	}
	return nil
}

// sealedNamed returns the SealedSecret of that name in a committed file, or nil.
func sealedNamed(file []byte, namespace, name string) *sealed {
	for _, s := range allSealed(file) {
		if s.namespace == namespace && s.name == name {
			return s
		}
	}
	return nil
}

func allSealed(file []byte) []*sealed {
	var found []*sealed
	eachIn(file, func(object map[string]any) {
		if manifest.Text(object, "kind") != sealedKind {
			return
		}
		s, err := takeApart(object)
		if err != nil {
			// It stands there and is damaged: no tag, so tampered with.
			s = &sealed{object: object}
		}
		found = append(found, s)
	})
	return found
}

// holdsPlain reports whether a committed file has the Secret unsealed.
func holdsPlain(file []byte, namespace, name string) bool {
	if !mayHoldSecret(bytes.ReplaceAll(file, []byte(sealedKind), nil)) {
		return false // the common case: kasou sealed it
	}
	plain := false
	eachIn(file, func(object map[string]any) {
		there := manifest.Text(object, "metadata", "namespace")
		if isSecret(object) && manifest.Text(object, "metadata", "name") == name && (there == "" || there == namespace) {
			plain = true
		}
	})
	return plain
}

// eachIn visits every object of a file that can be read.
func eachIn(file []byte, visit func(map[string]any)) {
	for _, d := range manifest.Parse(manifest.Other, "", file).Documents {
		if d.Object != nil {
			complete(d.Object)
			each(d.Object, visit)
		}
	}
}
