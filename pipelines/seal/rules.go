package seal

import "kasou/pipelines/finding"

// What this package finds.
const (
	// RuleNoCertificate is a rendered Secret in a fleet without a sealing
	// certificate.
	RuleNoCertificate finding.Rule = "seal-no-certificate"
	// RuleCertificateFile is a certificate file that cannot be read, or that
	// is not exactly one certificate in PEM.
	RuleCertificateFile finding.Rule = "seal-certificate-file"
	// RuleCertificatePrivateKey is a private key beside the certificate.
	RuleCertificatePrivateKey finding.Rule = "seal-certificate-private-key"
	// RuleCertificateKey is a public key that cannot seal, or not safely.
	RuleCertificateKey finding.Rule = "seal-certificate-key"
	// RuleCertificateValidity is a certificate that has expired or is not yet
	// valid.
	RuleCertificateValidity finding.Rule = "seal-certificate-validity"
	// RuleCertificateExpiring is a certificate with few days left.
	RuleCertificateExpiring finding.Rule = "seal-certificate-expiring"
	// RuleUnreadableDocument is a file that may hold a Secret and cannot be
	// taken apart without doubt.
	RuleUnreadableDocument finding.Rule = "seal-unreadable-document"
	// RuleInvalidSecret is a Secret that the API server would reject.
	RuleInvalidSecret finding.Rule = "seal-invalid-secret"
	// RuleKeyNeeded is plaintext that needs KASOU_SEAL_KEY to be sealed.
	RuleKeyNeeded finding.Rule = "seal-key-needed"
	// RuleTampered is a committed SealedSecret that kasou did not write so.
	RuleTampered finding.Rule = "seal-tampered"
	// RuleUnverifiable is a committed SealedSecret that nobody here can prove.
	RuleUnverifiable finding.Rule = "seal-unverifiable"
	// RuleResealed is a SealedSecret that was made anew, and why.
	RuleResealed finding.Rule = "seal-resealed"
	// RuleCommittedPlain is a Secret that the committed file holds in plain
	// text.
	RuleCommittedPlain finding.Rule = "seal-committed-plain"
	// RuleUnsealedValue is a value that must not stand in git and reaches what is
	// not sealed.
	RuleUnsealedValue finding.Rule = "seal-unsealed-value"
	// RuleTokenSecret is a Secret that the host cluster fills itself.
	RuleTokenSecret finding.Rule = "seal-token-secret"
)
