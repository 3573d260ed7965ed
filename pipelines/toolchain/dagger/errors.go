package dagger

import (
	"errors"
	"fmt"
	"strings"

	sdk "dagger.io/dagger"
)

// Fault is what is wrong with an engine.
type Fault int

// Unreachable: there was no answer. Unsupported: it is of a version that kasou
// does not speak with. Lost: it answered and then no more.
const (
	Unreachable Fault = iota + 1
	Unsupported
	Lost
)

// EngineError is an engine that cannot be used. It is nobody's input that is
// wrong; the run could not finish.
type EngineError struct {
	Fault Fault
	// Engine is where it is: a runner host's address, or "this session".
	Engine string
	// Version that it has, where Fault is Unsupported.
	Version string
	Err     error
}

// Error says what happened and what to do.
func (e *EngineError) Error() string {
	switch e.Fault {
	case Unsupported:
		return fmt.Sprintf("the Dagger engine at %s has the version %s, and kasou needs %s: use an engine of the SDK's version %s, or --toolchain embedded%s",
			e.Engine, e.Version, supported, SDKVersion, e.cause())
	case Lost:
		return fmt.Sprintf("the Dagger engine at %s was lost half-way: look at its log, start it again, and run kasou again%s", e.Engine, e.cause())
	}
	return fmt.Sprintf("the Dagger engine at %s cannot be reached: start it, check %s, or run kasou with `dagger run`; without an engine, use --toolchain embedded%s",
		e.Engine, runnerHostEnv, e.cause())
}

// cause returns the reason in one line, cut where the engine talks long.
func (e *EngineError) cause() string {
	if e.Err == nil {
		return ""
	}
	text := strings.Join(strings.Fields(e.Err.Error()), " ")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "…"
	}
	return " (" + text + ")"
}

func (e *EngineError) Unwrap() error { return e.Err }

// exited is a command that ran and said no.
type exited struct {
	code   int
	stderr string
}

func (e *exited) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// failed returns the error of a command that ran and said no; nil where it is
// another error.
func failed(err error) *exited {
	var own *exited
	var e *sdk.ExecError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &e):
		return &exited{e.ExitCode, e.Stderr}
	}
	return nil
}
