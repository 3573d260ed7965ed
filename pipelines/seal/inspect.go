package seal

import "time"

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

// Inspect gives the SealedSecrets that kasou sealed in a file, in their order.
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

// parseStamp reads what stamp gives.
func parseStamp(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
