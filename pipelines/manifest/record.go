package manifest

// The annotations of a SealedSecret that kasou wrote. They stand in its own metadata,
// never in spec.template: the unsealed Secret does not get them.
const (
	// SealedFor is the cluster and the file that it was sealed for.
	SealedFor = "kasou/sealed-for"
	// SealedAt is when it was sealed: UTC, RFC 3339. It changes only with the
	// ciphertext.
	SealedAt = "kasou/sealed-at"
	// SealedWith is the fingerprint of the certificate that it was sealed with.
	SealedWith = "kasou/sealed-with"
	// CredentialNotAfter is when the credential in it ends: UTC, RFC 3339.
	CredentialNotAfter = "kasou/credential-not-after"
	// Tag is the tag over everything: a version, the key's id and a MAC, with a space
	// between them, as are the other tags.
	Tag = "kasou/tag"
	// PlaintextTag is the tag over the plaintext.
	PlaintextTag = "kasou/tag-plaintext"
	// DocumentTag is the tag over the document without its plaintext.
	DocumentTag = "kasou/tag-document"
)
