//go:build !linux || portable

package nofollow

import (
	"errors"
	"os"
)

// Read returns an error: only Linux is known to have such a call.
func Read(*os.File, string, int64, []byte) ([]byte, error) { return nil, errors.ErrUnsupported }

// Folder returns an error, as Read does.
func Folder(*os.File, string) (*os.File, error) { return nil, errors.ErrUnsupported }
