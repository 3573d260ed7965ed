package seal

import (
	"fmt"
	"time"

	"kasou/pipelines/manifest"
)

// Sealed is what a SealedSecret on disk says of itself. Nothing proves it.
type Sealed struct {
	Namespace, Name string
	// At is when kasou sealed it; zero where it does not say.
	At time.Time
	// NotAfter is when the credential in it ends; zero where it does not.
	NotAfter time.Time
	// Certificate is the fingerprint of the one it was sealed with.
	Certificate string
}

// Inspect returns the SealedSecrets that kasou sealed in a file, in their order.
func Inspect(file []byte) []Sealed {
	if !mayHoldSecret(file) {
		return nil
	}
	var all []Sealed
	for _, s := range allSealed(file) {
		if s.record == (record{}) {
			continue
		}
		all = append(all, Sealed{
			Namespace: s.namespace, Name: s.name, Certificate: s.record.certificate,
			At: parseStamp(s.record.sealedAt), NotAfter: parseStamp(s.record.notAfter),
		})
	}
	return all
}

// Certificates returns the fingerprints of those that the SealedSecrets in the
// documents are sealed with, as they say.
func Certificates(documents []manifest.Document) []string {
	var all []string
	for _, d := range documents {
		each(d.Object, func(object map[string]any) {
			if manifest.Text(object, "kind") == sealedKind {
				all = append(all, manifest.Text(object, "metadata", "annotations", manifest.SealedWith))
			}
		})
	}
	return all
}

// NotOnly returns why a file is anything but one SealedSecret of that namespace
// and name, which the Secret in it has, too; empty where it is just that.
func NotOnly(file []byte, namespace, name string) string {
	documents := manifest.Parse(manifest.Registration, "", file).Documents
	var only map[string]any
	for _, d := range documents {
		if only = d.Object; only == nil || d.Divided != nil {
			return "it has a document that cannot be read"
		}
	}
	own := func(fields ...string) bool {
		return manifest.Text(only, append(fields, "name")...) == name && manifest.Text(only, append(fields, "namespace")...) == namespace
	}
	switch {
	case dividedOtherwise(file) || misspeltSecret(only):
		return "it is read differently by those who read it"
	case len(documents) != 1:
		return fmt.Sprintf("it has %d documents, and a registration is one", len(documents))
	case manifest.Text(only, "kind") != sealedKind || manifest.Text(only, "apiVersion") != sealedVersion:
		return "it is not a SealedSecret"
	case !own("metadata") || !own("spec", "template", "metadata"):
		return "it is not the SealedSecret " + namespace + "/" + name
	}
	return ""
}
