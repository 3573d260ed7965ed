package seal

// Outcome is what becomes of a sealed document.
type Outcome int

const (
	// Keep leaves every byte of the ciphertext.
	Keep Outcome = iota
	// Seal makes it anew, for a Reason.
	Seal
	// Tampered means that it is not as kasou wrote it; Tampering says what.
	// Where the plaintext is there, it was made anew.
	Tampered
	// Unverifiable leaves it, and says that it was not proved.
	Unverifiable
)

// Reason says why a document is sealed anew.
type Reason string

// The reasons, as the reports print them.
const (
	ReasonNew         Reason = "new"
	ReasonPlaintext   Reason = "the plaintext changed"
	ReasonName        Reason = "its namespace, name or type changed"
	ReasonScope       Reason = "its scope changed"
	ReasonTemplate    Reason = "its metadata changed"
	ReasonCertificate Reason = "the certificate was renewed, and the sealed value is older than sealing.maxAge"
	ReasonAsked       Reason = "--reseal"
	ReasonUnsigned    Reason = "no signature of the fleet's key proves it"
	ReasonOtherKey    Reason = "its tag was made with another KASOU_SEAL_KEY"
	ReasonWeakTag     Reason = "its tag was made without KASOU_SEAL_KEY, and its plaintext can be known or guessed"
)

// Tampering says what was found changed.
type Tampering string

// What can be found changed, as the messages print it.
const (
	TamperedTag         Tampering = "its tag is missing or damaged"
	TamperedPlace       Tampering = "it was copied from another cluster or file"
	TamperedCiphertext  Tampering = "a sealed value or its tag was edited"
	TamperedMetadata    Tampering = "its metadata was edited"
	TamperedCertificate Tampering = "the certificate that it names was replaced"
	TamperedRollback    Tampering = "it was put back to an older state than the lock records"
)

// KeyState says how the tag's key compares with the key of this run.
type KeyState int

const (
	// ContentKey is a tag that was made without KASOU_SEAL_KEY.
	ContentKey KeyState = iota
	// SameKey is a tag made with this run's KASOU_SEAL_KEY.
	SameKey
	// NoKey is a tag made with a KASOU_SEAL_KEY in a run that has none.
	NoKey
	// OtherKey is a tag made with another KASOU_SEAL_KEY than this run's.
	OtherKey
)

// Answer is that of a check that cannot always be made.
type Answer int

// Unknown means that the check could not be made here.
const (
	Unknown Answer = iota
	Yes
	No
)

// Facts are what Decide decides on.
type Facts struct {
	// Committed: a SealedSecret stands there.
	Committed bool
	// Plaintext: the Secret to seal is at hand.
	Plaintext bool
	// Tagged: the tags are there and can be read.
	Tagged bool
	// Placed: it says that it was sealed for this cluster and file.
	Placed bool
	// Key is the key of the whole tag.
	Key KeyState
	// KeyAtHand: this run has a KASOU_SEAL_KEY.
	KeyAtHand bool
	// Entropy is what the caller declared of the plaintext.
	Entropy Entropy
	// Whole, SamePlaintext and Document are the answers of the three tags.
	Whole, SamePlaintext, Document Answer
	// Suspect is what was edited if anything was.
	Suspect Tampering
	// OlderThanLock: the file differs from what the lock records.
	OlderThanLock bool
	// NameChanged, ScopeChanged and TemplateChanged compare it with the Secret.
	NameChanged, ScopeChanged, TemplateChanged bool
	// CertificateChanged: it was sealed with another certificate than today's.
	CertificateChanged bool
	// TooOld: it is older than sealing.maxAge.
	TooOld bool
	// Reseal: a person asked for it.
	Reseal bool
	// Unsigned: no signature proves it, and this run can sign.
	Unsigned bool
}

// Decision is an outcome and what explains it.
type Decision struct {
	Outcome   Outcome
	Reason    Reason    // of Seal
	Tampering Tampering // of Tampered
	// Proved: the tags say that ciphertext and plaintext are as they were
	// sealed.
	Proved bool
	// SamePlaintext: the plaintext is known to be the one that was sealed.
	SamePlaintext bool
}

// Decide says what becomes of a document. It is the whole policy; the table is
// in docs/adr/0005-sealing.md.
func Decide(f Facts) Decision {
	switch {
	case !f.Committed && !f.Plaintext:
		return Decision{Outcome: Unverifiable}
	case !f.Committed:
		return sealFor(ReasonNew)
	case !f.Tagged:
		return tampered(TamperedTag)
	case !f.Placed:
		return tampered(TamperedPlace)
	}
	switch f.Key {
	case SameKey:
		return decideSameKey(f)
	case NoKey:
		return decideNoKey(f)
	case OtherKey:
		return decideOtherKey(f)
	default:
		return decideContentKey(f)
	}
}

// decideSameKey has the strongest tags: the document's own is proved without
// the plaintext, so that a changed plaintext cannot be taken for an edit.
func decideSameKey(f Facts) Decision {
	switch {
	case f.Document != Yes:
		return tampered(f.Suspect)
	case !f.Plaintext:
		return Decision{Outcome: Keep, Proved: true}
	case f.SamePlaintext == No && f.OlderThanLock:
		return tampered(TamperedRollback)
	case f.SamePlaintext == No:
		return sealFor(ReasonPlaintext)
	case f.SamePlaintext == Unknown && f.Whole != Yes:
		return tampered(f.Suspect)
	}
	// With the plaintext's tag the document's proves everything: the tag over all
	// is out of date where Refresh has made other metadata.
	return decideProved(f)
}

// decideContentKey has tags that everyone who knows the plaintext could make.
// That proves something only where the plaintext is a strong secret, or where
// the run has nothing better.
func decideContentKey(f Facts) Decision {
	switch {
	case !f.Plaintext:
		return Decision{Outcome: Unverifiable}
	case f.Whole != Yes && f.SamePlaintext == Yes:
		return tampered(f.Suspect)
	case f.Whole != Yes && f.OlderThanLock:
		return tampered(TamperedRollback)
	case f.Whole != Yes:
		return sealFor(ReasonPlaintext)
	case f.SamePlaintext == No:
		return tampered(TamperedTag)
	case f.Entropy == Guessable, f.Entropy == InGit && f.KeyAtHand:
		return sealFor(ReasonWeakTag)
	}
	return decideProved(f)
}

// decideNoKey keeps what it cannot prove, and seals only what surely changed.
func decideNoKey(f Facts) Decision {
	switch {
	case f.Plaintext && f.Reseal:
		return sealFor(ReasonAsked)
	case !f.Plaintext || f.SamePlaintext == Unknown:
		return Decision{Outcome: Unverifiable}
	}
	if f.SamePlaintext == No {
		return sealFor(ReasonPlaintext)
	}
	if d := decideProved(f); d.Outcome == Seal {
		return d
	}
	return Decision{Outcome: Unverifiable, SamePlaintext: true}
}

// decideOtherKey is the rotation of KASOU_SEAL_KEY: what cannot be proved any
// more is sealed once with the new key.
func decideOtherKey(f Facts) Decision {
	if !f.Plaintext {
		return Decision{Outcome: Unverifiable}
	}
	return sealFor(ReasonOtherKey)
}

// decideProved asks whether what is as it was sealed is still what is wanted.
func decideProved(f Facts) Decision {
	switch {
	case f.NameChanged:
		return sealFor(ReasonName)
	case f.ScopeChanged:
		return sealFor(ReasonScope)
	case f.TemplateChanged:
		return sealFor(ReasonTemplate)
	case f.Unsigned:
		return sealFor(ReasonUnsigned)
	case f.Reseal:
		return sealFor(ReasonAsked)
	case f.CertificateChanged && f.TooOld:
		return sealFor(ReasonCertificate)
	}
	return Decision{Outcome: Keep, Proved: true, SamePlaintext: true}
}

func sealFor(why Reason) Decision      { return Decision{Outcome: Seal, Reason: why} }
func tampered(what Tampering) Decision { return Decision{Outcome: Tampered, Tampering: what} }
