// Package batch starts a tool many times in one container. It is two things: what
// kasou and the program in the container say to each other, and that program. It
// uses the standard library alone, for it is compiled where kasou runs.
package batch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Where the container has the order, a file of its folder, and where the results
// go.
const (
	OrderDir    = "/order"
	OrderFile   = "order.tar"
	ResultsFile = "/results"
)

// Order is what one container is to do.
type Order struct {
	// Limit is for each command. After Total no more are begun; what was not is
	// without a result.
	Limit, Total time.Duration
	// MaxOutput is the most that one command may give, and MaxAll all of them, in
	// bytes. What is left over once that is reached is without a result.
	MaxOutput, MaxAll int64
	Commands          []Command
}

// Command is one start of the tool, in a folder of its own.
type Command struct {
	// Args go to the tool. Processors in one stands for how many there are.
	Args []string
	// Files are put into the folder before, by path.
	Files map[string][]byte `json:"-"`
	// Output is the folder, below the command's own, that the tool writes; where
	// it is empty, what the tool prints is its output.
	Output string `json:",omitempty"`
	// Silent leaves what the tool says on stderr in the container.
	Silent bool `json:",omitempty"`
}

// Processors stands, in an argument, for the number of the container's.
const Processors = "{processors}"

// Result is what became of a command.
type Result struct {
	// Exit is its exit code, and 128 and the signal's number where one ended it.
	Exit int
	// Stderr has the start and the end of what it said.
	Stderr string `json:",omitempty"`
	// Late says that it was stopped when its time was over.
	Late bool `json:",omitempty"`
	// TooMuch says that it gave more than allowed, and Odd names an output that is
	// no plain file.
	TooMuch bool   `json:",omitempty"`
	Odd     string `json:",omitempty"`
	// Files are what it wrote, by path; Stdout what it printed, where that is its
	// output.
	Files  map[string][]byte `json:"-"`
	Stdout []byte            `json:"-"`
}

const (
	headName   = "head.json"
	stdoutName = "stdout"
	filesName  = "files"
)

// WriteOrder writes an order as a tar, the same each time.
func WriteOrder(to io.Writer, o Order) error {
	w := tar.NewWriter(to)
	if err := writeHead(w, headName, o); err != nil {
		return err
	}
	for i, c := range o.Commands {
		for _, name := range slices.Sorted(maps.Keys(c.Files)) {
			if err := writeFile(w, path.Join(strconv.Itoa(i), name), c.Files[name]); err != nil {
				return err
			}
		}
	}
	return w.Close()
}

func writeHead(w *tar.Writer, name string, head any) error {
	data, err := json.Marshal(head)
	if err != nil {
		return err
	}
	return writeFile(w, name, data)
}

func writeFile(w *tar.Writer, name string, data []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// results are written as text, packed: an engine gives text for less than a file.
type results struct {
	tar    *tar.Writer
	layers []io.Closer
}

func newResults(to io.Writer) results {
	text := base64.NewEncoder(base64.StdEncoding, to)
	packed, _ := gzip.NewWriterLevel(text, gzip.BestSpeed) // a level that there is
	w := tar.NewWriter(packed)
	return results{w, []io.Closer{w, packed, text}}
}

func (r results) close() error {
	var all error
	for _, layer := range r.layers {
		all = errors.Join(all, layer.Close())
	}
	return all
}

// writeResult adds the result of command i.
func writeResult(w *tar.Writer, i int, r Result) error {
	of := strconv.Itoa(i)
	if err := writeHead(w, path.Join(of, headName), r); err != nil {
		return err
	}
	if r.Stdout != nil {
		if err := writeFile(w, path.Join(of, stdoutName), r.Stdout); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		// Not joined: the name stays as it is.
		if err := writeFile(w, of+"/"+filesName+"/"+name, r.Files[name]); err != nil {
			return err
		}
	}
	return nil
}

// ReadResults returns the result of each of count commands, nil for those without
// one.
func ReadResults(from io.Reader, count int) ([]*Result, error) {
	results := make([]*Result, count)
	packed, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, from))
	if err != nil {
		return nil, err
	}
	r := tar.NewReader(packed)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return results, nil
		}
		if err != nil {
			return nil, err
		}
		of, name, _ := strings.Cut(header.Name, "/")
		i, err := strconv.Atoi(of)
		if err != nil || i < 0 || i >= count {
			return nil, fmt.Errorf("a result for command %q, which is none", of)
		}
		data := make([]byte, header.Size)
		if _, err := io.ReadFull(r, data); err != nil {
			return nil, err
		}
		if results[i], err = with(results[i], name, data); err != nil {
			return nil, err
		}
	}
}

// with adds a part to a result, whose head comes first.
func with(r *Result, name string, data []byte) (*Result, error) {
	file, isFile := strings.CutPrefix(name, filesName+"/")
	switch {
	case r == nil && name == headName:
		r = &Result{Files: map[string][]byte{}}
		return r, json.NewDecoder(bytes.NewReader(data)).Decode(r)
	case r != nil && name == stdoutName:
		r.Stdout = data
	case r != nil && isFile:
		r.Files[file] = data
	default:
		return nil, fmt.Errorf("a result with %q, which belongs to none", name)
	}
	return r, nil
}

// ErrTooMuch is more output than is allowed.
var ErrTooMuch = errors.New("too much output")

// OddFile is the name of an output that is not a plain file.
type OddFile string

// Error returns what is wrong with it.
func (f OddFile) Error() string { return string(f) + " is no plain file" }

// ReadFiles returns the plain files below dir, by path. The error is an OddFile, or
// ErrTooMuch where they have more bytes than most; or dir cannot be read.
func ReadFiles(dir string, most int64) (map[string][]byte, error) {
	files, total := map[string][]byte{}, int64(0)
	return files, filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return OddFile(name)
		}
		if total += info.Size(); total > most {
			return ErrTooMuch
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(file)
		return err
	})
}
