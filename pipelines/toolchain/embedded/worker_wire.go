package embedded

import (
	"encoding/gob"
	"errors"
	"io"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// wire is one end of the pipe between this process and a worker: a message each
// way in turn.
type wire struct {
	in  *io.LimitedReader
	out *gob.Encoder
	dec *gob.Decoder
}

func newWire(in io.Reader, out io.Writer) *wire {
	limited := &io.LimitedReader{R: in}
	return &wire{in: limited, out: gob.NewEncoder(out), dec: gob.NewDecoder(limited)}
}

func (w *wire) send(message any) error { return w.out.Encode(message) }

// receive takes a message of at most so many bytes.
func (w *wire) receive(limit int64, message any) error {
	w.in.N = limit
	return w.dec.Decode(message)
}

// job is what a worker is asked. The archive is empty where the worker has had
// that digest before.
type job struct {
	Release toolchain.Release
	// ValuesOnly ends it once the chart's schemas have seen the values.
	ValuesOnly bool
	// Environment is where the templates take time and chance from.
	Environment environment
}

// answer is what came of a job: files, or an error.
type answer struct {
	Files manifest.Files
	// Wrong is the chart's fault, and Failed any other error's text.
	Wrong  *toolchain.ChartError
	Failed string
	// Seen is what the render was seen to ask for.
	Seen observed
	// Loaded means that the worker holds the chart now.
	Loaded bool
}

func newAnswer(files manifest.Files, seen observed, loaded bool, err error) answer {
	a := answer{Seen: seen, Loaded: loaded}
	switch {
	case errors.As(err, &a.Wrong):
	case err != nil:
		a.Failed = err.Error()
	default:
		a.Files = files
	}
	return a
}

// outcome returns what the answer says, and the error.
func (a answer) outcome() (outcome, error) {
	switch {
	case a.Wrong != nil:
		return outcome{seen: a.Seen}, a.Wrong
	case a.Failed != "":
		return outcome{seen: a.Seen}, errors.New(a.Failed)
	}
	if a.Files == nil {
		a.Files = manifest.Files{} // gob leaves out what is empty
	}
	return outcome{files: a.Files, seen: a.Seen}, nil
}
