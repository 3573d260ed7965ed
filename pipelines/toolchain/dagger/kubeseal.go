package dagger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	sdk "dagger.io/dagger"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
)

// secretFile is where the container finds the Secret, in memory.
const secretFile = "/run/secrets/secret"

// Seal runs `kubeseal` in a container. The Secret goes there as a Dagger secret
// only, under a name that says nothing about it, and only ciphertext comes
// back. What kubeseal says of an error is left in the container, for it quotes
// what it reads; the engine shows it in the details of a trace all the same, so
// the request is checked before.
func (t *Toolchain) Seal(ctx context.Context, r toolchain.SealRequest) ([]byte, error) {
	secret, _, _, err := verdict.SealRequest(r)
	if err != nil {
		return nil, err
	}
	var sealed string
	err = t.run(ctx, named(ctx, "kubeseal", secret.Namespace)+" "+secret.Name, func(ctx context.Context) error {
		kubeseal, err := t.base(ctx, "kubeseal")
		if err != nil {
			return err
		}
		certificate, err := t.upload(ctx, "certificate.pem", r.Certificate)
		if err != nil {
			return err
		}
		c := kubeseal.
			WithMountedFile("/in/certificate.pem", certificate).
			WithMountedSecret(secretFile, t.engine.SetSecret("kasou-"+rand.Text(), string(r.Secret)))
		c = kubeseal.exec(c, sdk.ContainerWithExecOpts{RedirectStderr: "/stderr"},
			"--cert", "/in/certificate.pem", "--scope", r.Scope, "--format", "yaml", "--allow-empty-data", "--secret-file", secretFile)
		sealed, err = c.Stdout(ctx)
		return err
	})
	switch e := failed(err); {
	case e != nil:
		return nil, fmt.Errorf("kubeseal refuses the Secret or the certificate (exit code %d): is the certificate expired?", e.ExitCode)
	case errors.Is(err, errTimeout):
		return nil, fmt.Errorf("kubeseal: %w", err)
	case err != nil:
		return nil, err
	}
	return []byte(sealed), nil
}
