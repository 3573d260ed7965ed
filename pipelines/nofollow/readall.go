package nofollow

import (
	"errors"
	"io"
	"slices"
)

// ReadAll appends what a file has, and returns it. It asks for one byte more than size:
// where that does not come, it was the end.
func ReadAll(file io.Reader, size int, into []byte) ([]byte, error) {
	into = slices.Grow(into, size+1)
	for whole := len(into) + size; ; {
		n, err := file.Read(into[len(into):cap(into)])
		into = into[:len(into)+n]
		if errors.Is(err, io.EOF) || n > 0 && len(into) == whole && len(into) < cap(into) {
			return into, nil
		}
		if err != nil {
			return nil, err
		}
		into = slices.Grow(into, 1)
	}
}
