package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// A frame is a big-endian uint32 length and that many bytes; inside, numbers
// are uvarints and strings are their length and bytes.

// job is what a worker is asked. The archive is empty where the worker has had
// that digest before.
type job struct {
	release toolchain.Release
	// valuesOnly ends it once the chart's schemas have seen the values.
	valuesOnly bool
	// environment is where the templates take time and chance from.
	environment environment
}

// The bits of a job's last number.
const (
	flagWillValidate = 1 << iota
	flagValuesOnly
)

// What an answer holds.
const (
	answerFiles byte = iota
	answerChartError
	answerError
)

var errShort = errors.New("message ends early")

func writeFrame(w io.Writer, payload []byte) error {
	frame := make([]byte, 4, 4+len(payload))
	binary.BigEndian.PutUint32(frame, uint32(len(payload)))
	_, err := w.Write(append(frame, payload...))
	return err
}

func readFrame(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if int64(n) > int64(limit) {
		return nil, fmt.Errorf("message of %d bytes, at most %d are allowed", n, limit)
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(r, payload)
	return payload, err
}

func appendString[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// fields reads what the append functions wrote; the first error sticks.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) number() int {
	n, size := binary.Uvarint(f.rest)
	if size <= 0 {
		f.err, f.rest = errShort, nil
		return 0
	}
	f.rest = f.rest[size:]
	return int(n)
}

func (f *fields) bytes() []byte {
	n := f.number()
	if n < 0 || n > len(f.rest) {
		f.err, f.rest = errShort, nil
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) string() string { return string(f.bytes()) }

func (j job) encode() []byte {
	r := j.release
	b := make([]byte, 0, len(r.Chart.Archive)+len(r.Values)+512)
	for _, s := range []string{r.Name, r.Namespace, r.KubeVersion, r.Chart.Digest} {
		b = appendString(b, s)
	}
	b = appendString(appendString(b, r.Values), r.Chart.Archive)
	var flags uint64
	if r.WillValidate {
		flags |= flagWillValidate
	}
	if j.valuesOnly {
		flags |= flagValuesOnly
	}
	b = binary.AppendUvarint(b, flags)
	for _, n := range j.environment.numbers() {
		b = binary.AppendUvarint(b, uint64(*n))
	}
	return b
}

func decodeJob(payload []byte) (job, error) {
	f := fields{rest: payload}
	var j job
	r := &j.release
	for _, s := range []*string{&r.Name, &r.Namespace, &r.KubeVersion, &r.Chart.Digest} {
		*s = f.string()
	}
	r.Values, r.Chart.Archive = f.bytes(), f.bytes()
	flags := f.number()
	r.WillValidate, j.valuesOnly = flags&flagWillValidate != 0, flags&flagValuesOnly != 0
	for _, n := range j.environment.numbers() {
		*n = f.number()
	}
	return j, f.err
}

func (e *environment) numbers() []*int {
	return []*int{&e.number, &e.other, &e.varied, &e.fails, &e.apart}
}

// encodeAnswer returns files or the error, whichever there is, with what the render
// was seen to ask for, and whether the worker holds the chart now.
func encodeAnswer(files manifest.Files, seen observed, loaded bool, err error) []byte {
	b := []byte{bit(loaded)}
	b = binary.AppendUvarint(b, uint64(len(seen.calls)))
	for _, name := range seen.calls {
		b = appendString(b, name)
	}
	b = append(b, bit(seen.chance), bit(seen.varying))
	var chart *toolchain.ChartError
	switch {
	case errors.As(err, &chart):
		return appendChartError(append(b, answerChartError), chart)
	case err != nil:
		return appendString(append(b, answerError), err.Error())
	}
	b = binary.AppendUvarint(append(b, answerFiles), uint64(len(files)))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b = appendString(appendString(b, name), files[name])
	}
	return b
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendChartError(b []byte, e *toolchain.ChartError) []byte {
	b = appendString(b, e.Message)
	b = appendString(b, e.Template)
	b = binary.AppendUvarint(b, uint64(e.Line))
	b = binary.AppendUvarint(b, uint64(len(e.Values)))
	for _, p := range e.Values {
		b = appendString(b, p.Message)
		b = binary.AppendUvarint(b, uint64(len(p.Path)))
		for _, key := range p.Path {
			b = appendString(b, key)
		}
	}
	return b
}

func decodeAnswer(payload []byte) (a outcome, loaded bool, err error) {
	f := fields{rest: payload}
	loaded = f.number() == 1
	for n := f.number(); n > 0 && f.err == nil; n-- {
		a.seen.calls = append(a.seen.calls, f.string())
	}
	a.seen.chance, a.seen.varying = f.number() == 1, f.number() == 1
	switch byte(f.number()) {
	case answerFiles:
		files := manifest.Files{}
		a.files = files
		for n := f.number(); n > 0 && f.err == nil; n-- {
			name := f.string()
			files[name] = f.bytes()
		}
	case answerChartError:
		err = f.chartError()
	default:
		err = errors.New(f.string())
	}
	if f.err != nil {
		return outcome{}, false, f.err
	}
	return a, loaded, err
}

func (f *fields) chartError() *toolchain.ChartError {
	e := &toolchain.ChartError{Message: f.string(), Template: f.string(), Line: f.number()}
	for n := f.number(); n > 0 && f.err == nil; n-- {
		p := toolchain.Problem{Message: f.string()}
		for keys := f.number(); keys > 0 && f.err == nil; keys-- {
			p.Path = append(p.Path, f.string())
		}
		e.Values = append(e.Values, p)
	}
	return e
}
