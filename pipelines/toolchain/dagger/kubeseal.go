package dagger

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"

	sdk "dagger.io/dagger"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/dagger/batch"
	"kasou/pipelines/toolchain/verdict"
)

const (
	// secretFile is where the container finds the Secret, in memory.
	secretFile      = "/run/secrets/secret"
	certificateFile = "/in/certificate.pem"
)

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
	kubeseal := callable[toolchain.SealRequest, []byte]{t, "kubeseal", t.sealAll, t.sealAlone}
	name := named(ctx, "kubeseal", secret.Namespace) + " " + secret.Name
	got, err := toolchain.Together(ctx, "kubeseal\x00"+string(r.Certificate), asked[toolchain.SealRequest]{name, r}, kubeseal.each)
	err = cmp.Or(err, got.err)
	switch e := failed(err); {
	case e != nil:
		return nil, fmt.Errorf("kubeseal refuses the Secret or the certificate (exit code %d): is the certificate expired?", e.code)
	case errors.Is(err, errTimeout):
		return nil, fmt.Errorf("kubeseal: %w", err)
	case err != nil:
		return nil, err
	}
	return got.value, nil
}

// sealAll seals for one certificate in one container, which gets each Secret as
// one of its own.
func (t *Toolchain) sealAll(ctx context.Context, requests []toolchain.SealRequest) ([]*answer[[]byte], error) {
	certificate, err := t.upload(ctx, "certificate.pem", requests[0].Certificate)
	if err != nil {
		return nil, err
	}
	commands := make([]batch.Command, len(requests))
	for i, r := range requests {
		commands[i] = batch.Command{Args: sealArgs(r, secretAt(i)), Silent: true}
	}
	results, err := t.batch(ctx, "kubeseal", commands, func(c *sdk.Container) *sdk.Container {
		c = c.WithMountedFile(certificateFile, certificate)
		for i, r := range requests {
			c = c.WithMountedSecret(secretAt(i), t.secret(r))
		}
		return c
	})
	if err != nil {
		return nil, err
	}
	answers := make([]*answer[[]byte], len(requests))
	for i, r := range results {
		if r != nil && r.Exit == 0 {
			answers[i] = &answer[[]byte]{value: r.Stdout}
		}
	}
	return answers, nil
}

func (t *Toolchain) sealAlone(ctx context.Context, r toolchain.SealRequest) (sealed []byte, err error) {
	err = t.run(ctx, t.opts.Timeout, func(ctx context.Context) error {
		kubeseal, err := t.base(ctx, "kubeseal")
		if err != nil {
			return err
		}
		certificate, err := t.upload(ctx, "certificate.pem", r.Certificate)
		if err != nil {
			return err
		}
		c := kubeseal.WithMountedFile(certificateFile, certificate).WithMountedSecret(secretFile, t.secret(r))
		c = kubeseal.exec(c, sdk.ContainerWithExecOpts{RedirectStderr: "/stderr"}, sealArgs(r, secretFile)...)
		text, err := c.Stdout(ctx)
		sealed = []byte(text)
		return err
	})
	return sealed, err
}

func (t *Toolchain) secret(r toolchain.SealRequest) *sdk.Secret {
	return t.engine.SetSecret("kasou-"+rand.Text(), string(r.Secret))
}

func secretAt(i int) string { return secretFile + "-" + strconv.Itoa(i) }

func sealArgs(r toolchain.SealRequest, file string) []string {
	return []string{"--cert", certificateFile, "--scope", r.Scope, "--format", "json", "--allow-empty-data", "--secret-file", file}
}
