package seal

import (
	"kasou/pipelines/manifest"
)

// facts looks at everything that Decide wants to know.
func (j *job) facts() Facts {
	o := j.sealer.options
	f := Facts{
		Committed: j.have != nil, Plaintext: j.want != nil,
		KeyAtHand: o.Key != nil, Entropy: j.request.Entropy, Reseal: o.Reseal,
	}
	if j.have == nil {
		return f
	}
	f.Unsigned = o.Unsigned != nil && o.Unsigned(j.request.Path, j.request.Previous)
	h := j.have
	whole, okWhole := parseTag(h.record.whole)
	plain, okPlain := parseTag(h.record.plaintext)
	f.Tagged = okWhole && okPlain
	f.Placed = h.record.place == j.place
	f.Key = keyState(j, whole)
	f.OlderThanLock = j.request.Recorded != "" && manifest.Digest(j.request.Previous) != j.request.Recorded
	f.TooOld = h.record.age(o.Now) > o.MaxAge
	f.Reseal = f.Reseal || o.Foreign != nil && o.Foreign(h.record.certificate)
	f.CertificateChanged = o.Certificate != nil && h.record.certificate != o.Certificate.Fingerprint
	f.Suspect = TamperedCiphertext
	if f.Key == SameKey {
		f.Document = j.documentHolds(h)
	}
	if j.want != nil {
		j.compare(&f, whole, plain)
	}
	return f
}

// keyState says which key made the tag.
func keyState(j *job, t tag) KeyState {
	key := j.sealer.options.Key
	switch {
	case t.key == contentKey:
		return ContentKey
	case key == nil:
		return NoKey
	case t.key == environmentKey(key).id:
		return SameKey
	}
	return OtherKey
}

func (j *job) documentHolds(h *sealed) Answer {
	key := environmentKey(j.sealer.options.Key)
	found, ok := parseTag(h.record.document)
	return answer(ok && found.equal(documentTag(key, j.subject(h, h.record.certificate), h.values, h.record)))
}

// compare asks what only the plaintext can tell.
func (j *job) compare(f *Facts, whole, plain tag) {
	h, w := j.have, j.want
	f.NameChanged = h.namespace != w.namespace || h.name != w.name || h.kind != w.kind
	f.ScopeChanged = h.scope != w.scope
	f.TemplateChanged = h.template != w.template
	if key, ok := j.keyOf(plain); ok {
		f.SamePlaintext = answer(plain.equal(plaintextTag(key, j.subject(h, ""), j.secret.Data)))
	}
	key, ok := j.keyOf(whole)
	if !ok {
		return
	}
	holds := func(s *sealed, certificate string) bool {
		return whole.equal(wholeTag(key, j.subject(s, certificate), j.secret.Data, h.values))
	}
	f.Whole = answer(holds(h, h.record.certificate))
	f.Suspect = suspect(j, f.Whole == Yes, holds)
}

// suspect says what was edited if anything was, by asking with which part put
// back the tag holds again.
func suspect(j *job, whole bool, holds func(*sealed, string) bool) Tampering {
	current := ""
	if c := j.sealer.options.Certificate; c != nil {
		current = c.Fingerprint
	}
	switch {
	case whole:
		return TamperedTag
	case current != "" && holds(j.have, current):
		return TamperedCertificate
	case holds(j.want, j.have.record.certificate):
		return TamperedMetadata
	}
	return TamperedCiphertext
}

// keyOf returns the key that made a tag, if this run has it.
func (j *job) keyOf(t tag) (tagKey, bool) {
	if t.key == contentKey {
		return plaintextKey(j.secret.Data), true
	}
	if key := j.sealer.options.Key; key != nil && environmentKey(key).id == t.key {
		return environmentKey(key), true
	}
	return tagKey{}, false
}

func (j *job) subject(s *sealed, certificate string) subject {
	return s.subject(j.request.Cluster.Name, fromClusters(j.request.Cluster, j.request.Path), certificate)
}

func answer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}
