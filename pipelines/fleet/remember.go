package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"kasou/pipelines/position"
	"kasou/pipelines/recall"
)

// Option changes how Load works.
type Option func(*loader)

// SharedAlone lets Load read fleet.yaml and no cluster.
func SharedAlone() Option { return func(l *loader) { l.sharedAlone = true } }

// Remembering lets Load take from the file what it made before of a text in
// which it found nothing wrong, instead of parsing that again, and put there what
// it makes of others. What it then checks, and finds, is the same: a parse
// depends on the text alone, and for a spec on the fleet's defaults.
func Remembering(file *recall.File) Option {
	return func(l *loader) { l.memory = &specMemory{file: file} }
}

// specMemory remembers files of one fleet that are sound in form.
type specMemory struct {
	file *recall.File
	// defaults is the SHA-256 of fleet.yaml's defaults, which specs are laid over.
	defaults [sha256.Size]byte
}

// knownSpec is a spec.yaml with the fleet's defaults under it, and not yet
// kasou's own.
type knownSpec struct {
	Name string      `json:"name"`
	Spec ClusterSpec `json:"spec"`
}

// under sets the defaults that specs are laid over from now on.
func (m *specMemory) under(shared *source) {
	if m == nil || shared == nil {
		return
	}
	if data, err := json.Marshal(object(shared.raw, "spec", "defaults")); err == nil { // sorts the keys of maps
		m.defaults = sha256.Sum256(data)
	}
}

func (m *specMemory) specKey(text [sha256.Size]byte) string {
	return "spec" + string(m.defaults[:]) + string(text[:])
}

func (m *specMemory) fleetKey(text [sha256.Size]byte) string { return "fleet" + string(text[:]) }

// spec reads a spec.yaml, by the memory where it can.
func (m *specMemory) spec(file, cluster string, data []byte) *source {
	if m == nil {
		return parse(file, cluster, data, schemaOfSpec())
	}
	text := sha256.Sum256(data)
	known := &knownSpec{}
	if content, ok := m.file.Get(m.specKey(text)); ok && json.Unmarshal(content, known) == nil {
		document := position.Folded(bytes.TrimPrefix(data, byteOrderMark), 0)
		return &source{file: file, cluster: cluster, text: text, document: document, known: known}
	}
	src := parse(file, cluster, data, schemaOfSpec())
	src.memory = m
	return src
}

// fleet reads fleet.yaml, by the memory where it can. Its positions are read in
// any case: every cluster may ask for them.
func (m *specMemory) fleet(file string, data []byte) *source {
	if m == nil {
		return parse(file, "", data, schemaOfFleet())
	}
	src := &source{file: file, text: sha256.Sum256(data)}
	if content, ok := m.file.Get(m.fleetKey(src.text)); ok && json.Unmarshal(content, &src.raw) == nil {
		var err error
		if src.document, err = position.Parse(bytes.TrimPrefix(data, byteOrderMark), 0); err == nil {
			return src
		}
	}
	src = parse(file, "", data, schemaOfFleet())
	if content, err := json.Marshal(src.raw); err == nil && src.sound() {
		m.file.Put(m.fleetKey(src.text), content)
	}
	return src
}

// keep writes what is new.
func (m *specMemory) keep() {
	if m != nil {
		m.file.Keep()
	}
}

// sound says that nothing is wrong with the file's form.
func (src *source) sound() bool { return src.raw != nil && len(src.findings) == 0 }

// remember notes what became of a spec.yaml: its name, and the spec over the
// fleet's defaults.
func (src *source) remember(name string, merged map[string]any) {
	if src.memory == nil || !src.sound() {
		return
	}
	content, err := json.Marshal(struct {
		Name string         `json:"name"`
		Spec map[string]any `json:"spec"`
	}{name, merged})
	if err == nil {
		src.memory.file.Put(src.memory.specKey(src.text), content)
	}
}
