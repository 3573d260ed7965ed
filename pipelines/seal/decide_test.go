package seal_test

import (
	"testing"

	"kasou/pipelines/seal"
)

// proved is a document that is as it was sealed, and still right.
func proved(change func(*seal.Facts)) seal.Facts {
	f := seal.Facts{
		Committed: true, Plaintext: true, Tagged: true, Placed: true, Entropy: seal.Strong,
		Key: seal.SameKey, KeyAtHand: true,
		Whole: seal.Yes, SamePlaintext: seal.Yes, Document: seal.Yes, Suspect: seal.TamperedCiphertext,
	}
	change(&f)
	return f
}

func content(change func(*seal.Facts)) seal.Facts {
	return proved(func(f *seal.Facts) {
		f.Key, f.KeyAtHand, f.Document = seal.ContentKey, false, seal.Unknown
		change(f)
	})
}

func noKey(change func(*seal.Facts)) seal.Facts {
	return proved(func(f *seal.Facts) {
		f.Key, f.KeyAtHand, f.Whole, f.Document = seal.NoKey, false, seal.Unknown, seal.Unknown
		change(f)
	})
}

var (
	keep         = seal.Decision{Outcome: seal.Keep, Proved: true, SamePlaintext: true}
	unverifiable = seal.Decision{Outcome: seal.Unverifiable}
)

func sealed(r seal.Reason) seal.Decision { return seal.Decision{Outcome: seal.Seal, Reason: r} }
func tampered(w seal.Tampering) seal.Decision {
	return seal.Decision{Outcome: seal.Tampered, Tampering: w}
}

func TestDecide(t *testing.T) {
	tests := []struct {
		name  string
		facts seal.Facts
		want  seal.Decision
	}{
		{"nothing there, nothing to seal", seal.Facts{}, unverifiable},
		{"new", seal.Facts{Plaintext: true}, sealed(seal.ReasonNew)},
		{"no tag", proved(func(f *seal.Facts) { f.Tagged = false }), tampered(seal.TamperedTag)},
		{"no tag, no plaintext", proved(func(f *seal.Facts) { f.Tagged, f.Plaintext = false, false }), tampered(seal.TamperedTag)},
		{"another place", proved(func(f *seal.Facts) { f.Placed = false }), tampered(seal.TamperedPlace)},

		{"key: unchanged", proved(func(f *seal.Facts) {}), keep},
		{"key: unchanged, without plaintext", proved(func(f *seal.Facts) { f.Plaintext, f.Whole, f.SamePlaintext = false, seal.Unknown, seal.Unknown }), seal.Decision{Outcome: seal.Keep, Proved: true}},
		{"key: edited", proved(func(f *seal.Facts) { f.Document = seal.No }), tampered(seal.TamperedCiphertext)},
		{"key: edited, without plaintext", proved(func(f *seal.Facts) { f.Document, f.Plaintext = seal.No, false }), tampered(seal.TamperedCiphertext)},
		{"key: edited while the plaintext changed", proved(func(f *seal.Facts) { f.Document, f.SamePlaintext = seal.No, seal.No }), tampered(seal.TamperedCiphertext)},
		{"key: plaintext changed", proved(func(f *seal.Facts) { f.Whole, f.SamePlaintext = seal.No, seal.No }), sealed(seal.ReasonPlaintext)},
		{"key: rolled back", proved(func(f *seal.Facts) { f.Whole, f.SamePlaintext, f.OlderThanLock = seal.No, seal.No, true }), tampered(seal.TamperedRollback)},
		{"key: whole tag is of other metadata", proved(func(f *seal.Facts) { f.Whole = seal.No }), keep},
		{"key: whole tag does not hold, the plaintext's has another key", proved(func(f *seal.Facts) { f.Whole, f.SamePlaintext = seal.No, seal.Unknown }), tampered(seal.TamperedCiphertext)},
		{"name", proved(func(f *seal.Facts) { f.NameChanged = true }), sealed(seal.ReasonName)},
		{"scope", proved(func(f *seal.Facts) { f.ScopeChanged = true }), sealed(seal.ReasonScope)},
		{"template", proved(func(f *seal.Facts) { f.TemplateChanged = true }), sealed(seal.ReasonTemplate)},
		{"--reseal", proved(func(f *seal.Facts) { f.Reseal = true }), sealed(seal.ReasonAsked)},
		{"certificate renewed, young", proved(func(f *seal.Facts) { f.CertificateChanged = true }), keep},
		{"certificate renewed, old", proved(func(f *seal.Facts) { f.CertificateChanged, f.TooOld = true, true }), sealed(seal.ReasonCertificate)},
		{"certificate the same, old", proved(func(f *seal.Facts) { f.TooOld = true }), keep},

		{"content: unchanged", content(func(f *seal.Facts) {}), keep},
		{"content: no plaintext", content(func(f *seal.Facts) { f.Plaintext, f.Whole, f.SamePlaintext = false, seal.Unknown, seal.Unknown }), unverifiable},
		{"content: edited", content(func(f *seal.Facts) { f.Whole = seal.No }), tampered(seal.TamperedCiphertext)},
		{"content: plaintext changed", content(func(f *seal.Facts) { f.Whole, f.SamePlaintext = seal.No, seal.No }), sealed(seal.ReasonPlaintext)},
		{"content: rolled back", content(func(f *seal.Facts) { f.Whole, f.SamePlaintext, f.OlderThanLock = seal.No, seal.No, true }), tampered(seal.TamperedRollback)},
		{"content: plaintext's tag edited", content(func(f *seal.Facts) { f.SamePlaintext = seal.No }), tampered(seal.TamperedTag)},
		{"content: guessable", content(func(f *seal.Facts) { f.Entropy = seal.Guessable }), sealed(seal.ReasonWeakTag)},
		{"content: in git, key came", content(func(f *seal.Facts) { f.Entropy, f.KeyAtHand = seal.InGit, true }), sealed(seal.ReasonWeakTag)},
		{"content: in git, no key", content(func(f *seal.Facts) { f.Entropy = seal.InGit }), keep},
		{"content: strong, key came", content(func(f *seal.Facts) { f.KeyAtHand = true }), keep},

		{"key gone: unchanged", noKey(func(f *seal.Facts) {}), seal.Decision{Outcome: seal.Unverifiable, SamePlaintext: true}},
		{"key gone: plaintext changed", noKey(func(f *seal.Facts) { f.SamePlaintext = seal.No }), sealed(seal.ReasonPlaintext)},
		{"key gone: template changed", noKey(func(f *seal.Facts) { f.TemplateChanged = true }), sealed(seal.ReasonTemplate)},
		{"key gone: --reseal", noKey(func(f *seal.Facts) { f.Reseal = true }), sealed(seal.ReasonAsked)},
		{"key gone: cannot tell", noKey(func(f *seal.Facts) { f.SamePlaintext = seal.Unknown }), unverifiable},
		{"key gone: no plaintext", noKey(func(f *seal.Facts) { f.Plaintext, f.SamePlaintext = false, seal.Unknown }), unverifiable},

		{"other key", proved(func(f *seal.Facts) { f.Key = seal.OtherKey }), sealed(seal.ReasonOtherKey)},
		{"other key: no plaintext", proved(func(f *seal.Facts) { f.Key, f.Plaintext = seal.OtherKey, false }), unverifiable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := seal.Decide(test.facts); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
