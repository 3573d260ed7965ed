package seal

import (
	"errors"
	"maps"

	"sigs.k8s.io/yaml"
)

// ErrNotProven is returned where metadata of the Secret has to change and nothing
// proves what is kept: the run has no KASOU_SEAL_KEY, or the tags are not of it.
var ErrNotProven = errors.New("its tags cannot be verified and made anew")

// Refresh returns the committed SealedSecret r.Previous with the metadata that
// r.Secret and r.Own ask for now, and the same ciphertext. Values of r.Secret
// count for nothing: this needs no plaintext. It returns nil where nothing has to
// change. Annotations of the SealedSecret alone no tag covers; for labels and
// annotations of the Secret the document's own tag must hold, and is made anew, else
// the error is ErrNotProven. Any other error is a file that holds no such
// SealedSecret.
func (s *Sealer) Refresh(r Request) ([]byte, error) {
	j, err := s.job(r)
	if err != nil {
		return nil, err
	}
	h, w := j.have, j.want
	if h == nil || h.namespace != w.namespace || h.name != w.name || h.kind != w.kind || h.scope != w.scope {
		return nil, errors.New("it holds another SealedSecret")
	}
	if h.template == w.template && maps.Equal(h.annotations, w.annotations) {
		return nil, nil
	}
	if h.template == w.template {
		return yaml.Marshal(w.with(h.values, h.record))
	}
	if key := s.options.Key; key == nil || j.documentHolds(h) != Yes {
		return nil, ErrNotProven
	}
	record := h.record
	record.document = documentTag(environmentKey(s.options.Key), j.subject(w, record.certificate), h.values, record)
	return yaml.Marshal(w.with(h.values, record))
}
