package seal

import (
	"time"
)

// The annotations of a SealedSecret that kasou wrote. They stand in its own
// metadata, never in spec.template: the unsealed Secret does not get them.
const (
	// AnnotationPlace is the cluster and the file that it was sealed for.
	AnnotationPlace = "kasou/sealed-for"
	// AnnotationSealedAt is when: UTC, RFC 3339. It changes only with the
	// ciphertext.
	AnnotationSealedAt = "kasou/sealed-at"
	// AnnotationCertificate is the fingerprint of the certificate it was sealed
	// with.
	AnnotationCertificate = "kasou/sealed-with"
	// AnnotationNotAfter is when the credential in it ends: UTC, RFC 3339.
	AnnotationNotAfter = "kasou/credential-not-after"
	// AnnotationTag is the tag over everything.
	AnnotationTag = "kasou/tag"
	// AnnotationPlaintextTag is the tag over the plaintext.
	AnnotationPlaintextTag = "kasou/tag-plaintext"
	// AnnotationDocumentTag is the tag over the document without its plaintext.
	AnnotationDocumentTag = "kasou/tag-document"
)

// record is what the annotations say; every field is the text that stands
// there, empty where there is none.
type record struct {
	place, sealedAt, certificate, notAfter string
	whole, plaintext, document             string
}

// fields ties each annotation to its field.
func (r *record) fields() map[string]*string {
	return map[string]*string{
		AnnotationPlace: &r.place, AnnotationSealedAt: &r.sealedAt,
		AnnotationCertificate: &r.certificate, AnnotationNotAfter: &r.notAfter,
		AnnotationTag: &r.whole, AnnotationPlaintextTag: &r.plaintext, AnnotationDocumentTag: &r.document,
	}
}

func readRecord(annotations map[string]string) record {
	var r record
	for name, field := range r.fields() {
		*field = annotations[name]
	}
	return r
}

func (r record) write(annotations map[string]string) {
	for name, field := range r.fields() {
		if *field != "" {
			annotations[name] = *field
		}
	}
}

// age gives how long ago it was sealed. What cannot be read is as old as can
// be.
func (r record) age(now time.Time) time.Duration {
	at, err := time.Parse(time.RFC3339, r.sealedAt)
	if err != nil {
		return 1<<63 - 1
	}
	return now.Sub(at)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}
