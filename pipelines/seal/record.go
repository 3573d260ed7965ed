package seal

import (
	"time"

	"kasou/pipelines/manifest"
)

// The annotations of a SealedSecret that kasou wrote; manifest says what each is.
const (
	AnnotationPlace        = manifest.SealedFor
	AnnotationSealedAt     = manifest.SealedAt
	AnnotationCertificate  = manifest.SealedWith
	AnnotationNotAfter     = manifest.CredentialNotAfter
	AnnotationTag          = manifest.Tag
	AnnotationPlaintextTag = manifest.PlaintextTag
	AnnotationDocumentTag  = manifest.DocumentTag
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

// age returns how long ago it was sealed. What cannot be read is as old as can
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
