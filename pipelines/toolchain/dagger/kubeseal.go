package dagger

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	sdk "dagger.io/dagger"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/dagger/batch"
	"kasou/pipelines/toolchain/verdict"
)

// secretFile is where the container finds the Secret, in memory.
const secretFile = "/run/secrets/secret"

// Seal runs `kubeseal` for each request, in one container for many. A Secret goes there
// as a Dagger secret only, under a name that says nothing about it, and only ciphertext
// comes back. What kubeseal says of an error is left in the container, for it quotes
// what it reads; the engine shows it in the details of a trace all the same, so
// the request is checked before.
func (t *Toolchain) Seal(ctx context.Context, requests ...toolchain.SealRequest) []toolchain.Result[[]byte] {
	sealing := kubeseal{&t.containers}
	kubeseal := callable[toolchain.SealRequest, []byte]{
		containers: &t.containers, name: "kubeseal", shared: sealing.all, alone: sealing.alone,
		check: func(r toolchain.SealRequest) error {
			_, _, _, err := verdict.SealRequest(r)
			return err
		},
		span: func(r toolchain.SealRequest) string {
			secret, _, _, _ := verdict.SealRequest(r) // it was checked
			return "kubeseal " + cmp.Or(r.Cluster, secret.Namespace) + " " + secret.Name
		},
	}
	results := kubeseal.each(ctx, requests)
	for i := range results {
		switch e := failed(results[i].Err); {
		case e != nil:
			results[i].Err = fmt.Errorf("kubeseal refuses the Secret or the certificate (exit code %d): is the certificate expired?", e.code)
		case errors.Is(results[i].Err, errTimeout):
			results[i].Err = fmt.Errorf("kubeseal: %w", results[i].Err)
		}
	}
	return results
}

// kubeseal seals in containers.
type kubeseal struct{ *containers }

// all seals in one container, which gets each Secret as one of its own.
func (t kubeseal) all(ctx context.Context, requests []toolchain.SealRequest) ([]*toolchain.Result[[]byte], error) {
	commands := make([]batch.Command, len(requests))
	certificates := map[string]*sdk.File{}
	for i, r := range requests {
		at := certificateAt(r)
		commands[i] = batch.Command{Args: sealArgs(r, at, secretAt(i)), Silent: true}
		if certificates[at] != nil {
			continue
		}
		certificate, err := t.upload(ctx, "certificate.pem", r.Certificate)
		if err != nil {
			return nil, err
		}
		certificates[at] = certificate
	}
	results, err := t.batch(ctx, "kubeseal", commands, func(c *sdk.Container) *sdk.Container {
		for _, at := range slices.Sorted(maps.Keys(certificates)) {
			c = c.WithMountedFile(at, certificates[at])
		}
		for i, r := range requests {
			c = c.WithMountedSecret(secretAt(i), t.secret(r))
		}
		return c
	})
	if err != nil {
		return nil, err
	}
	answers := make([]*toolchain.Result[[]byte], len(requests))
	for i, r := range results {
		if r != nil && r.Exit == 0 {
			answers[i] = &toolchain.Result[[]byte]{Value: r.Stdout}
		}
	}
	return answers, nil
}

func (t kubeseal) alone(ctx context.Context, r toolchain.SealRequest) (sealed []byte, err error) {
	err = t.run(ctx, t.opts.Timeout, func(ctx context.Context) error {
		kubeseal, err := t.base(ctx, "kubeseal")
		if err != nil {
			return err
		}
		certificate, err := t.upload(ctx, "certificate.pem", r.Certificate)
		if err != nil {
			return err
		}
		c := kubeseal.WithMountedFile(certificateAt(r), certificate).WithMountedSecret(secretFile, t.secret(r))
		c = kubeseal.exec(c, sdk.ContainerWithExecOpts{RedirectStderr: "/stderr"}, sealArgs(r, certificateAt(r), secretFile)...)
		text, err := c.Stdout(ctx)
		if err == nil {
			sealed = []byte(text)
		}
		return err
	})
	return sealed, err
}

func (t kubeseal) secret(r toolchain.SealRequest) *sdk.Secret {
	return t.engine.SetSecret("kasou-"+rand.Text(), string(r.Secret))
}

func secretAt(i int) string { return secretFile + "-" + strconv.Itoa(i) }

// certificateAt is where the container finds the certificate.
func certificateAt(r toolchain.SealRequest) string {
	return "/in/" + strings.TrimPrefix(manifest.Digest(r.Certificate), "sha256:")[:16] + ".pem"
}

func sealArgs(r toolchain.SealRequest, certificate, file string) []string {
	return []string{"--cert", certificate, "--scope", r.Scope, "--format", "json", "--allow-empty-data", "--secret-file", file}
}
