package seal

import (
	"time"

	"kasou/pipelines/manifest"
)

// record is what the annotations of a SealedSecret that kasou wrote say; every field is
// the text that stands there, empty where there is none.
type record struct {
	place, sealedAt, certificate, notAfter string
	whole, plaintext, document             string
}

// fields ties each annotation to its field.
func (r *record) fields() map[string]*string {
	return map[string]*string{
		manifest.SealedFor: &r.place, manifest.SealedAt: &r.sealedAt,
		manifest.SealedWith: &r.certificate, manifest.CredentialNotAfter: &r.notAfter,
		manifest.Tag: &r.whole, manifest.PlaintextTag: &r.plaintext, manifest.DocumentTag: &r.document,
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
func (r record) age(now time.Time) time.Duration { return now.Sub(parseStamp(r.sealedAt)) }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}

// parseStamp reads what stamp gives.
func parseStamp(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
