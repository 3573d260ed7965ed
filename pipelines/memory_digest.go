package pipelines

import (
	"encoding/binary"
	"maps"
	"slices"

	"kasou/pipelines/tree"
)

// digest gives the digest of what all clusters are built with and of all that a
// lock says, the cluster's own inputs among it.
func (m *memory) digest(lock *tree.Lock) string {
	data := make([]byte, 0, 4096)
	field := func(text string) {
		data = append(binary.AppendUvarint(data, uint64(len(text))), text...)
	}
	writing := ""
	if lock.Writing {
		writing = "writing"
	}
	for _, text := range []string{
		m.base, lock.APIVersion, lock.Kind, lock.Inputs, lock.Host.ServiceCIDR, writing,
		lock.Chart.Repository, lock.Chart.Name, lock.Chart.Version, lock.Chart.Path, lock.Chart.Digest,
	} {
		field(text)
	}
	for _, file := range slices.Sorted(maps.Keys(lock.Files)) {
		field(file)
		field(lock.Files[file])
	}
	return tree.Digest(data)
}
