package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// appendField adds a text behind its length.
func appendField(to, text []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// cutField returns the first text, and what follows it.
func cutField(from []byte) (text, rest []byte, ok bool) {
	length, n := binary.Uvarint(from)
	if n <= 0 || length > uint64(len(from)-n) {
		return nil, nil, false
	}
	end := n + int(length)
	return from[n:end:end], from[end:], true
}

// decode reads entries as encode wrote them: keys and values in turn.
func decode(records []byte) map[string]*entry {
	var fields [][]byte
	for len(records) > 0 {
		text, rest, ok := cutField(records)
		if !ok {
			return map[string]*entry{}
		}
		fields, records = append(fields, text), rest
	}
	entries, all := make(map[string]*entry, len(fields)/2), make([]entry, len(fields)/2)
	for i := range all {
		all[i].value = fields[2*i+1]
		entries[string(fields[2*i])] = &all[i]
	}
	return entries
}

// encode returns the whole file: its head, the entries in use by their keys, and
// the SHA-256 of all that.
func (f *File) encode() []byte {
	f.mu.RLock()
	defer f.mu.RUnlock()
	data := slices.Clone(f.head)
	for _, key := range slices.Sorted(maps.Keys(f.entries)) {
		if e := f.entries[key]; e.used.Load() {
			data = appendField(appendField(data, []byte(key)), e.value)
		}
	}
	sum := sha256.Sum256(data)
	return append(data, sum[:]...)
}

// replace writes the file in one step. It does not wait for the disk: what a
// crash leaves, its digest gives away.
func replace(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // readable by its owner alone
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
