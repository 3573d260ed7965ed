// Package seal turns Secrets into SealedSecrets, and leaves them alone for as
// long as nothing about them changed. Every sealing gives other ciphertext, so
// each document carries a tag that tells without the plaintext whether it is
// still the right one. docs/adr/0005-sealing.md has the reasons.
package seal

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
)

// Entropy is what a caller declares of a plaintext. It decides which key its
// tag may have.
type Entropy int

const (
	// Guessable is plaintext that someone could guess: it needs KASOU_SEAL_KEY.
	Guessable Entropy = iota
	// InGit is plaintext that everyone who reads the repository can derive.
	InGit
	// Strong is plaintext with at least 128 bits of entropy: client keys,
	// tokens.
	Strong
)

// DefaultMaxAge is how old a sealed value may grow before a renewed
// certificate reseals it, where fleet.yaml does not say.
const DefaultMaxAge = 720 * time.Hour

// Options are what a Sealer works with.
type Options struct {
	// Tool encrypts.
	Tool toolchain.Kubeseal
	// Certificate that was checked; nil where the cluster that unseals has none, and Named
	// where fleet.yaml names it, or lacks it.
	Certificate *Certificate
	Named       fleet.CertificateFile
	// Foreign reports whether a certificate, by its fingerprint, is that of another
	// cluster of the fleet: what is sealed with it does not unseal here. Nil where there is
	// no other.
	Foreign func(fingerprint string) bool
	// MaxAge of a sealed value once the certificate is renewed; 0 means
	// DefaultMaxAge.
	MaxAge time.Duration
	// Key of KASOU_SEAL_KEY; nil where the run has none.
	Key *Key
	// Reseal makes every value anew.
	Reseal bool
	// Recorded returns the digest that the lock has for a rendered file, from the
	// repo's root, or an empty text; nil where there is no lock.
	Recorded func(path string) string
	// Unsigned reports whether a committed file has to be sealed anew because no
	// signature proves it and this run can sign; nil where none has.
	Unsigned func(path string, data []byte) bool
	// Now is the run's time.
	Now time.Time
}

// Sealer seals. It holds no state: any number of goroutines may use it.
type Sealer struct{ options Options }

// New returns a Sealer.
func New(o Options) *Sealer {
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	return &Sealer{options: o}
}

// Request is one Secret to seal.
type Request struct {
	Cluster fleet.Cluster
	// Path of the file that the document stands in, from the repo's root, and
	// Line of the file for findings, if known.
	Path string
	Line int
	// Secret with name and namespace, data and stringData; nil where the
	// plaintext is not at hand and Previous is only to be checked.
	Secret *corev1.Secret
	// Own are annotations of the SealedSecret alone, for Argo CD, which applies it.
	Own map[string]string
	// Namespace and Name say which SealedSecret of Previous is meant where
	// Secret is nil. They may be empty where there is only one.
	Namespace, Name string
	// Scope is strict, namespace-wide or cluster-wide; empty means strict.
	Scope string
	// Entropy of the plaintext.
	Entropy Entropy
	// Previous is the committed file, nil where there is none.
	Previous []byte
	// Recorded is the digest that lock.yaml has for the committed file, as
	// manifest.Digest gives it, or empty. With it, a file put back to an older
	// state is told from a plaintext that changed.
	Recorded string
	// NotAfter is when the credential in the Secret ends; zero where it does
	// not.
	NotAfter time.Time
}

// Result is a SealedSecret and how it came about.
type Result struct {
	// Document is the SealedSecret as YAML, without a --- line. It is nil where
	// the findings hold an error and nothing could be kept.
	Document []byte
	Decision Decision
	// Retagged says that the ciphertext was kept, and got other tags.
	Retagged bool
}

// Secret seals one Secret, or keeps what is committed. The findings say what a
// person should know; tampering that was repaired is a warning there, and the
// Decision says it to the caller, whose `check` must fail on it. The error is
// one of the tool. Neither holds any part of the plaintext.
func (s *Sealer) Secret(ctx context.Context, r Request) (Result, finding.List, error) {
	j, err := s.job(r)
	if err != nil {
		return Result{}, nil, err
	}
	return j.run(ctx)
}

func (s *Sealer) job(r Request) (*job, error) {
	var scope ssv1alpha1.SealingScope
	if err := scope.Set(r.Scope); err != nil {
		return nil, fmt.Errorf("scope %q: %w", r.Scope, err)
	}
	j := &job{sealer: s, request: r, scope: scope, place: r.Cluster.Name + " " + fromClusters(r.Cluster, r.Path)}
	if r.Secret != nil {
		j.secret = cleaned(r.Secret, scope)
		want, err := wanted(j.secret, scope, r.Own)
		if err != nil {
			return nil, errors.New("the Secret cannot be written as JSON")
		}
		j.want = want
	}
	j.have = findSealed(r.Previous, j.want)
	if j.want == nil && r.Name != "" {
		j.have = sealedNamed(r.Previous, r.Namespace, r.Name)
	}
	return j, nil
}

// fromClusters returns a path from the clusters folder, so that renaming that
// folder reseals nothing.
func fromClusters(c fleet.Cluster, file string) string {
	folder := path.Dir(path.Dir(c.File))
	return strings.TrimPrefix(file, folder+"/")
}

// job is one Secret on its way.
type job struct {
	sealer  *Sealer
	request Request
	scope   ssv1alpha1.SealingScope
	place   string
	secret  *corev1.Secret // cleaned; nil without plaintext
	want    *sealed        // nil without plaintext
	have    *sealed        // nil where nothing is committed
}

func (j *job) run(ctx context.Context) (Result, finding.List, error) {
	d := Decide(j.facts())
	result := Result{Decision: d}
	if d.Outcome == Seal || d.Outcome == Tampered && j.secret != nil {
		if stop := missing(j); stop != nil {
			return result, append(j.explain(d, false), *stop), nil
		}
		document, err := j.seal(ctx)
		if err != nil {
			return result, nil, err
		}
		result.Document = document
		return result, j.explain(d, true), nil
	}
	if j.have == nil {
		return result, j.explain(d, false), nil
	}
	document, err := j.keep(d)
	if err != nil {
		return result, nil, err
	}
	result.Document, result.Retagged = document, j.retags(d)
	return result, j.explain(d, false), nil
}

// keep returns the committed document. Where it is proved, its form is made
// kasou's again too, should someone have reformatted it.
func (j *job) keep(d Decision) ([]byte, error) {
	if d.Outcome == Keep && j.want != nil {
		r := j.have.record
		if r.document == "" {
			// No tag covers this one without KASOU_SEAL_KEY.
			r.notAfter = stamp(j.request.NotAfter)
		}
		if j.retags(d) {
			r = j.tagged(j.have.values, r)
		}
		return yaml.Marshal(j.want.with(j.have.values, r))
	}
	return yaml.Marshal(j.have.object)
}
