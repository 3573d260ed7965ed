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

// outcome is what came of a job: files, or an error.
type outcome struct {
	Files manifest.Files
	// Wrong is the chart's fault, and Failed any other error's text.
	Wrong  *toolchain.ChartError
	Failed string
	// Seen is what the render was seen to ask for.
	Seen observed
	// Loaded means that the worker holds the chart now.
	Loaded bool
}

func newOutcome(files manifest.Files, seen observed, loaded bool, err error) outcome {
	o := outcome{Seen: seen, Loaded: loaded}
	switch {
	case errors.As(err, &o.Wrong):
	case err != nil:
		o.Failed = err.Error()
	default:
		o.Files = files
	}
	return o
}

// err returns the error in the outcome.
func (o outcome) err() error {
	switch {
	case o.Wrong != nil:
		return o.Wrong
	case o.Failed != "":
		return errors.New(o.Failed)
	}
	return nil
}
