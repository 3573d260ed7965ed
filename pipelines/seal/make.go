package seal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// missing says what stands in the way of sealing.
func missing(j *job) *finding.Finding {
	f := j.finding(finding.Error, "", "", "")
	switch {
	case j.sealer.options.Certificate == nil:
		f.Rule = RuleNoCertificate
		of, where := "the fleet", "spec"
		if at := j.sealer.options.Named.Field; len(at) > 1 {
			of, where = fleet.HostTitle(j.request.Cluster.Spec.Host), strings.Join(at, ".")
		}
		f.Message = fmt.Sprintf("Secret %s/%s would be written unsealed: %s has no sealing certificate", j.want.namespace, j.want.name, of)
		f.Hint = "Write `sealing: {certificate: sealed-secrets.crt}` under " + where + " in fleet.yaml, and run `kasou lock --certificate`, which asks the host's controller, or `kasou lock --certificate FILE` with one that you have."
	case j.request.Entropy == Guessable && j.sealer.options.Key == nil:
		f.Rule = RuleKeyNeeded
		f.Message = fmt.Sprintf("Secret %s/%s holds values that can be guessed, and there is no %s", j.want.namespace, j.want.name, KeyEnv)
		f.Hint = "Make a key with `openssl rand -hex 32`, keep it where CI keeps its secrets, and set it as " + KeyEnv + "."
	default:
		return nil
	}
	return &f
}

// seal makes the document anew.
func (j *job) seal(ctx context.Context) ([]byte, error) {
	input, err := json.Marshal(j.secret)
	if err != nil {
		return nil, errors.New("the Secret cannot be written as JSON")
	}
	certificate := j.sealer.options.Certificate
	output, err := j.sealer.options.Tool.Seal(ctx, toolchain.SealRequest{
		Cluster: j.request.Cluster.Name, Secret: input, Certificate: certificate.PEM, Scope: j.scope.String(),
	})[0].Get()
	if err != nil {
		return nil, fmt.Errorf("seal %s/%s: %w", j.want.namespace, j.want.name, err)
	}
	values, err := j.accept(output)
	if err != nil {
		return nil, fmt.Errorf("seal %s/%s: %w", j.want.namespace, j.want.name, err)
	}
	return yaml.Marshal(j.want.with(values, j.newRecord(values, certificate.Fingerprint)))
}

// accept takes the ciphertext from the tool's output, once it is about the
// Secret that was asked for: else the next run would find a difference.
func (j *job) accept(output []byte) (map[string]string, error) {
	var object map[string]any
	if json.Unmarshal(output, &object) != nil || manifest.Text(object, "kind") != sealedKind {
		return nil, errors.New("kubeseal gave something else than a SealedSecret")
	}
	got, err := takeApart(object)
	if err != nil {
		return nil, fmt.Errorf("kubeseal gave a SealedSecret that cannot be read: %w", err)
	}
	keys := slices.Sorted(maps.Keys(j.secret.Data))
	same := got.namespace == j.want.namespace && got.name == j.want.name &&
		got.template == j.want.template && got.scope == j.want.scope &&
		slices.Equal(keys, slices.Sorted(maps.Keys(got.values)))
	if !same {
		return nil, errors.New("kubeseal gave the SealedSecret of another Secret")
	}
	return got.values, nil
}

// newRecord makes the annotations, with tags by the best key that there is.
func (j *job) newRecord(values map[string]string, certificate string) record {
	return j.tagged(values, record{
		place: j.place, certificate: certificate,
		sealedAt: stamp(j.sealer.options.Now), notAfter: stamp(j.request.NotAfter),
	})
}

// tagged puts the three tags into a record, of KASOU_SEAL_KEY where there is one: a
// tag by the content's own key is a test for guesses. But the plaintext's own tag
// stays by content where the plaintext is in git anyway.
func (j *job) tagged(values map[string]string, r record) record {
	s := j.subject(j.want, r.certificate)
	key, ofPlaintext := plaintextKey(j.secret.Data), plaintextKey(j.secret.Data)
	if j.sealer.options.Key != nil {
		key = environmentKey(j.sealer.options.Key)
	}
	if j.request.Entropy != InGit {
		// Else it would be a test for guesses. What stands in git needs none, and a
		// check without the key has to see that it changed.
		ofPlaintext = key
	}
	r.whole = wholeTag(key, s, j.secret.Data, values)
	r.plaintext = plaintextTag(ofPlaintext, s, j.secret.Data)
	r.document = ""
	if j.sealer.options.Key != nil {
		r.document = documentTag(key, s, values, r)
	}
	return r
}

// retags reports whether a document that is kept has another key's tag than tagged
// would make, in a run that has KASOU_SEAL_KEY.
func (j *job) retags(d Decision) bool {
	if d.Outcome != Keep || j.want == nil || j.sealer.options.Key == nil {
		return false
	}
	byContent := func(text string) bool {
		id, ok := keyOfTag(text)
		return ok && id == contentKey
	}
	return byContent(j.have.record.whole) || byContent(j.have.record.plaintext) != (j.request.Entropy == InGit)
}
