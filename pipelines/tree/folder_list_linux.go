//go:build !portable

package tree

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// list gives what is in the folder, sorted.
func (f *folder) list() ([]entry, error) {
	if _, err := unix.Seek(f.fd, 0, 0); err != nil {
		return nil, err
	}
	var all []entry
	for buffer := make([]byte, 4<<10); ; {
		n, err := again(func() (int, error) { return unix.Getdents(f.fd, buffer) })
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		if all, err = f.entries(all, buffer[:n]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// entries reads what getdents64(2) gave: of each entry the length as a uint16
// in the bytes 16 and 17, the type in 18, and from 19 the name, which a zero
// ends. (unix.ParseDirent drops the type.)
func (f *folder) entries(all []entry, data []byte) ([]entry, error) {
	for len(data) > 0 {
		length := binary.NativeEndian.Uint16(data[16:])
		name, _, _ := strings.Cut(string(data[19:length]), "\x00")
		kind, known := kinds[data[18]]
		data = data[length:]
		if name == "." || name == ".." {
			continue
		}
		if !known { // some file systems do not tell
			var err error
			if kind, err = f.kind(name); errors.Is(err, unix.ENOENT) {
				continue
			} else if err != nil {
				return nil, err
			}
		}
		all = append(all, entry{name, kind})
	}
	return all, nil
}

var kinds = map[byte]fs.FileMode{
	unix.DT_REG: 0, unix.DT_DIR: fs.ModeDir, unix.DT_LNK: fs.ModeSymlink, unix.DT_FIFO: fs.ModeIrregular,
	unix.DT_SOCK: fs.ModeIrregular, unix.DT_CHR: fs.ModeIrregular, unix.DT_BLK: fs.ModeIrregular,
}
