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
	_, okWhole := keyOfTag(h.record.whole)
	_, okPlain := keyOfTag(h.record.plaintext)
	f.Tagged = okWhole && okPlain
	f.Placed = h.record.place == j.place
	_, f.Key = j.keyOf(h.record.whole)
	f.OlderThanLock = j.request.Recorded != "" && manifest.Digest(j.request.Previous) != j.request.Recorded
	f.TooOld = h.record.age(o.Now) > o.MaxAge
	f.Reseal = f.Reseal || o.Foreign != nil && o.Foreign(h.record.certificate)
	f.CertificateChanged = o.Certificate != nil && h.record.certificate != o.Certificate.Fingerprint
	f.Suspect = TamperedCiphertext
	if f.Key == SameKey {
		f.Document = j.documentHolds(h)
	}
	if j.want != nil {
		j.compare(&f)
	}
	return f
}

// keyOf returns the key that made a tag, empty where this run does not have it, and how
// it compares with the run's own.
func (j *job) keyOf(tag string) (tagKey, KeyState) {
	id, _ := keyOfTag(tag)
	own := j.sealer.options.Key
	switch {
	case id == contentKey && j.secret == nil:
		return tagKey{}, ContentKey
	case id == contentKey:
		return plaintextKey(j.secret.Data), ContentKey
	case own == nil:
		return tagKey{}, NoKey
	case id == environmentKey(own).id:
		return environmentKey(own), SameKey
	}
	return tagKey{}, OtherKey
}

func (j *job) documentHolds(h *sealed) Answer {
	key := environmentKey(j.sealer.options.Key)
	return answer(sameTag(h.record.document, documentTag(key, j.subject(h, h.record.certificate), h.values, h.record)))
}

// compare asks what only the plaintext can tell.
func (j *job) compare(f *Facts) {
	h, w := j.have, j.want
	f.NameChanged = h.namespace != w.namespace || h.name != w.name || h.kind != w.kind
	f.ScopeChanged = h.scope != w.scope
	f.TemplateChanged = h.template != w.template
	if key, _ := j.keyOf(h.record.plaintext); key.id != "" {
		f.SamePlaintext = answer(sameTag(h.record.plaintext, plaintextTag(key, j.subject(h, ""), j.secret.Data)))
	}
	key, _ := j.keyOf(h.record.whole)
	if key.id == "" {
		return
	}
	holds := func(s *sealed, certificate string) bool {
		return sameTag(h.record.whole, wholeTag(key, j.subject(s, certificate), j.secret.Data, h.values))
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

func (j *job) subject(s *sealed, certificate string) subject {
	return s.subject(j.request.Cluster.Name, fromClusters(j.request.Cluster, j.request.Path), certificate)
}

func answer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}
