// Package embedded is the toolchain that is linked into the binary: Helm's
// SDK, kubeconform and the sealed-secrets packages, at the versions of go.mod.
//
// Renders run in worker processes, which are this same binary started again
// (see docs/adr/0003-render-workers.md): a program that uses the package calls
// WorkerMain first in its main, and a test in its TestMain.
package embedded

import (
	"kasou/pipelines/toolchain"
)

var _ toolchain.Toolchain = (*Toolchain)(nil)

// Toolchain runs the three tools without any other program.
type Toolchain struct {
	*helmTool
	kubeconformTool
	kubesealTool
}

// New returns a toolchain. It starts nothing yet. It fails where WorkerMain was
// not called, or the running binary's path is unknown.
func New(opts Options) (*Toolchain, error) {
	helm, err := newHelmTool(opts)
	if err != nil {
		return nil, err
	}
	return &Toolchain{helmTool: helm}, nil
}

// Name is "embedded".
func (t *Toolchain) Name() string { return "embedded" }

// Versions returns each tool's module version: helm, kubeseal, kubeconform.
func (t *Toolchain) Versions(helm toolchain.HelmMajor) map[string]string { return Versions(helm) }

// Close ends the workers. Renders still running fail.
func (t *Toolchain) Close() error { return t.close() }
