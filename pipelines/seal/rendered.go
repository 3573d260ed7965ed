package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
)

// Rendered puts a SealedSecret in the place of every Secret in a cluster's
// manifests, whose files have the role Sealed then. Everything else keeps its bytes.
// previous returns a path's committed file, or nil.
//
// values is nil where all values stand in git. Otherwise files were rendered with
// placeholders, and the Secrets that differ come from values. A value that reaches
// anything else is a finding with the file, the line and the field. It is told by the
// placeholder: no finding holds a value.
//
// A Secret that cannot be sealed is a finding that stops the cluster, and then
// there are no files. The error is one of the tool; ErrGathered where that is a Batch
// without the answers yet.
func (s *Sealer) Rendered(ctx context.Context, c fleet.Cluster, files manifest.Set, values *SecretValues, previous func(path string) []byte) (manifest.Set, finding.List, error) {
	found := values.sameFiles(c, files)
	if found != nil {
		return nil, found, nil
	}
	out, gathered := maps.Clone(files), false
	for _, path := range files.Paths() {
		f := &renderedFile{sealer: s, cluster: c, path: path, values: values, seen: map[string]bool{}}
		f.committed = sync.OnceValues(func() (data []byte, recorded string) {
			if s.options.Recorded != nil {
				recorded = s.options.Recorded(path)
			}
			return previous(path), recorded
		})
		sealed, err := f.seal(ctx, files[path])
		if err != nil {
			return nil, nil, err
		}
		out[path] = sealed
		found = append(found, f.found...)
		gathered = gathered || f.gathered
	}
	found.Sort()
	switch {
	case found.Failed():
		return nil, found, nil
	case gathered:
		return nil, nil, ErrGathered
	}
	return out, found, nil
}

// renderedFile is one rendered file on its way.
type renderedFile struct {
	sealer  *Sealer
	cluster fleet.Cluster
	path    string
	// committed returns the committed file, which only a file with a Secret in it needs,
	// and the digest that the lock records of it.
	committed func() (data []byte, recorded string)
	// values is nil where all values stand in git.
	values *SecretValues
	found  finding.List
	// seen holds the namespaces and names of the Secrets so far.
	seen map[string]bool
	// gathered says that a Secret is sealed later, with others.
	gathered bool
}

func (m *renderedFile) seal(ctx context.Context, f manifest.File) (manifest.File, error) {
	with := map[int][]byte{}
	varied := variants(m, f)
	for i, d := range f.Documents {
		v := variant{d, d}
		if varied != nil {
			v = varied[i]
		}
		sealed, err := m.part(ctx, d, v)
		if err != nil {
			return f, err
		}
		if sealed != nil {
			with[i] = sealed
		}
	}
	if m.gathered || len(m.found) > 0 && m.found.Failed() {
		return f, nil
	}
	if len(with) > 0 {
		f = manifest.Parse(manifest.Sealed, f.Path, f.Replace(with, source))
	}
	if dividedOtherwise(f.Bytes) && otherwiseHoldsSecret(f.Bytes) {
		m.unreadable(1, errDivided)
	}
	return f, nil
}

// part returns what is to stand in a document's place; nil where it stays, or a finding
// stops the cluster.
func (m *renderedFile) part(ctx context.Context, d manifest.Document, v variant) ([]byte, error) {
	differs := !bytes.Equal(d.Bytes, v.with.Bytes)
	if differs && (d.Object == nil || v.with.Object == nil || v.alike.Object == nil) {
		m.leak(d.Line, "a document that cannot be taken apart", nil)
		return nil, nil
	}
	found, err := holds(d)
	switch {
	case err != nil:
		m.unreadable(d.Line, err)
	case found && differs:
		o := own(d)
		return m.sealedObject(ctx, o, pair{own(v.with).object, own(v.alike).object})
	case found:
		o := own(d)
		return m.sealedObject(ctx, o, pair{o.object, o.object})
	case differs:
		m.compareAll(own(d), v.with)
	}
	return nil, nil
}

// unreadable says that nobody can tell whether a document holds a Secret.
func (m *renderedFile) unreadable(line int, why error) {
	m.add(line, RuleUnreadableDocument,
		fmt.Sprintf("this document may hold a Secret, and cannot be taken apart: %v", why),
		"The chart's template renders it; change the values that lead to it, or the chart.")
}

// sealedObject returns a SealedSecret, or a List with its Secrets sealed in their places.
// The data come from both, which are the object itself where no value is in it.
func (m *renderedFile) sealedObject(ctx context.Context, d document, both pair) ([]byte, error) {
	if isSecret(d.object) {
		return m.secretWith(ctx, d, both)
	}
	own, with, alike := manifest.Maps(d.object, "items"), manifest.Maps(both.with, "items"), manifest.Maps(both.alike, "items")
	if len(own) != len(with) || len(with) != len(alike) {
		m.leak(d.kindLine, "the number of objects in "+objectName(d.object), nil)
		return nil, nil
	}
	for i, item := range own {
		inner := document{object: item, kindLine: d.kindLine}
		if !holdsSecret(item) {
			m.compare(inner, with[i])
			continue
		}
		data, err := m.sealedObject(ctx, inner, pair{with[i], alike[i]})
		if err != nil {
			return nil, err
		}
		clear(item)
		if err := yaml.Unmarshal(data, &item); err != nil {
			return nil, err
		}
	}
	if manifest.Text(d.object, "kind") == "SecretList" {
		d.object["kind"] = "List"
	}
	return yaml.Marshal(d.object)
}

// secret seals one rendered Secret. As a rule its values come from the spec,
// the fleet and a chart that is pinned, so that everyone who has these has them:
// they are in git. With secret values in it, they can be guessed.
func (m *renderedFile) secret(ctx context.Context, object map[string]any, line int, entropy Entropy) ([]byte, error) {
	if manifest.Text(object, "apiVersion") != "v1" {
		m.add(line, RuleInvalidSecret, "an object of kind Secret whose apiVersion is not v1: kasou cannot seal it",
			"Leave it out by the chart's values.")
		return nil, nil
	}
	secret, problem := readSecret(object, m.cluster.Spec.Namespace)
	if problem != "" {
		m.add(line, RuleInvalidSecret, "the chart renders a Secret that the API server would reject: "+problem,
			"Change the values that lead to it.")
		return nil, nil
	}
	name := secret.Namespace + "/" + secret.Name
	if m.seen[name] {
		m.add(line, RuleInvalidSecret, "the chart renders Secret "+name+" twice into this file", "Change the values that lead to it.")
		return nil, nil
	}
	m.seen[name] = true
	previous, recorded := m.committed()
	if holdsPlain(previous, secret.Namespace, secret.Name) {
		m.add(line, RuleCommittedPlain, "the file on disk holds Secret "+name+" unsealed",
			"Sealing it now does not take it out of git's history: if it was ever pushed, change what is in it.")
		m.found[len(m.found)-1].Severity = finding.Warning
	}
	result, found, err := m.sealer.Secret(ctx, Request{
		Cluster: m.cluster, Path: m.path, Line: line,
		Secret: secret, Own: first(secret), Entropy: entropy, Previous: previous, Recorded: recorded,
	})
	m.found = append(m.found, found...)
	if errors.Is(err, ErrGathered) {
		m.gathered = true
		return []byte("{}\n"), nil // stands in for the document, and is not used
	}
	return result.Document, err
}

func (m *renderedFile) add(line int, rule finding.Rule, message, hint string) {
	m.found = append(m.found, finding.Finding{
		File: m.path, Line: line, Cluster: m.cluster.Name,
		Rule: rule, Severity: finding.Error, Message: message, Hint: hint,
	})
}

const syncWave = "argocd.argoproj.io/sync-wave"

// first returns the annotation that has Argo CD apply the SealedSecret before what reads its
// Secret: of one wave it applies custom kinds last, so that it takes the wave before the
// Secret's own. That is the annotation, else Helm's weight of a hook, else 0 (Wave of its
// sync engine).
func first(secret *corev1.Secret) map[string]string {
	wave, err := strconv.Atoi(secret.Annotations[syncWave])
	if err != nil {
		wave, _ = strconv.Atoi(secret.Annotations["helm.sh/hook-weight"])
	}
	return map[string]string{syncWave: strconv.Itoa(wave - 1)}
}
