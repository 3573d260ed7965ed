package seal

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
)

// Rendered puts a SealedSecret in the place of every Secret in a cluster's
// rendered manifests. Everything else keeps its bytes. The paths of files are
// from the repo's root; previous gives a path's committed file, or nil.
//
// A Secret that cannot be sealed is a finding that stops the cluster, and then
// there are no files. The error is one of the tool.
func (s *Sealer) Rendered(ctx context.Context, c fleet.Cluster, files manifest.Files, previous func(path string) []byte) (manifest.Files, finding.List, error) {
	return s.rendered(ctx, c, files, nil, previous)
}

func (s *Sealer) rendered(ctx context.Context, c fleet.Cluster, files manifest.Files, hidden *Hidden, previous func(path string) []byte) (manifest.Files, finding.List, error) {
	found := hidden.sameFiles(c, files)
	if found != nil {
		return nil, found, nil
	}
	out := maps.Clone(files)
	for _, path := range files.Paths() {
		f := &renderedFile{sealer: s, cluster: c, path: path, hidden: hidden, seen: map[string]bool{}, committed: previous}
		data, err := f.seal(ctx, files[path])
		if err != nil {
			return nil, nil, err
		}
		out[path] = data
		found = append(found, f.found...)
	}
	found.Sort()
	if found.Failed() {
		return nil, found, nil
	}
	return out, found, nil
}

// renderedFile is one rendered file on its way.
type renderedFile struct {
	sealer  *Sealer
	cluster fleet.Cluster
	path    string
	// committed returns a path's committed file: load puts this one's, and what the
	// lock records of it, into previous and recorded.
	committed func(path string) []byte
	loaded    bool
	previous  []byte
	recorded  string
	// hidden is nil where all values stand in git.
	hidden *Hidden
	found  finding.List
	// seen holds the namespaces and names of the Secrets so far.
	seen map[string]bool
}

// load reads the committed file, which only a file with a Secret in it needs.
func (m *renderedFile) load() {
	if m.loaded {
		return
	}
	m.loaded, m.previous = true, m.committed(m.path)
	if o := m.sealer.options.Recorded; o != nil {
		m.recorded = o(m.path)
	}
}

// differs says whether the file is another one with the hidden values in it.
func (m *renderedFile) differs(data []byte) bool {
	return m.hidden != nil && !bytes.Equal(data, m.hidden.Files[m.path])
}

// twins returns the hidden counterparts of each part; nil where there is none, or
// where a finding says that the parts do not correspond.
func (m *renderedFile) twins(data []byte, parts []segment) []twin {
	if !m.differs(data) {
		return nil
	}
	with, alike := split(m.hidden.Files[m.path]), split(m.hidden.Alike[m.path])
	if len(with) != len(parts) || len(alike) != len(parts) {
		m.leak(1, "the number of documents", nil)
		return nil
	}
	twins := make([]twin, len(parts))
	for i := range parts {
		twins[i] = twin{with[i], alike[i]}
	}
	return twins
}

func (m *renderedFile) seal(ctx context.Context, data []byte) ([]byte, error) {
	var out bytes.Buffer
	parts := split(data)
	twins := m.twins(data, parts)
	for i, part := range parts {
		if twins != nil && !bytes.Equal(part.bytes(), twins[i].with.bytes()) {
			document, err := m.differing(ctx, part, twins[i])
			if err != nil {
				return nil, err
			}
			out.Write(document)
			continue
		}
		document, err := m.part(ctx, part)
		if err != nil {
			return nil, err
		}
		out.Write(document)
	}
	if len(m.found) == 0 && dividedOtherwise(out.Bytes()) && otherwiseHoldsSecret(out.Bytes()) {
		m.unreadable(1, errDivided)
	}
	return out.Bytes(), nil
}

// part returns what stands in a segment's place.
func (m *renderedFile) part(ctx context.Context, part segment) ([]byte, error) {
	holds, err := part.holdsSecret()
	if holds {
		d, err := part.readSealable()
		if err != nil {
			m.unreadable(max(d.kindLine, part.line), err)
			return part.bytes(), nil
		}
		document, err := m.document(ctx, d)
		return part.with(document), err
	}
	line := part.line
	if mayHoldSecret(part.bytes()) && err == nil {
		var d document
		d, err = part.read()
		if err == nil && d.object != nil && holdsSecret(d.object) {
			err = errParsersDiffer
		}
		line = max(line, d.kindLine)
	}
	if err != nil {
		m.unreadable(line, err)
	}
	return part.bytes(), nil
}

// unreadable says that nobody can tell whether a document holds a Secret.
func (m *renderedFile) unreadable(line int, why error) {
	m.add(line, RuleUnreadableDocument,
		fmt.Sprintf("this document may hold a Secret, and cannot be taken apart: %v", why),
		"the chart's template renders it; change the values that lead to it, or the chart")
}

// document gives what stands in a document's place: a SealedSecret, or the
// List with its Secrets sealed. It is nil where a finding stops the cluster.
func (m *renderedFile) document(ctx context.Context, d document) ([]byte, error) {
	if isSecret(d.object) {
		return m.secret(ctx, d.object, d.kindLine, InGit)
	}
	if err := m.list(ctx, d.object, d.kindLine); err != nil {
		return nil, err
	}
	return marshal(d.object)
}

// list seals the Secrets of a List in their places.
func (m *renderedFile) list(ctx context.Context, object map[string]any, line int) error {
	for _, item := range items(object) {
		if !isSecret(item) {
			if err := m.list(ctx, item, line); err != nil {
				return err
			}
			continue
		}
		data, err := m.secret(ctx, item, line, InGit)
		if err != nil {
			return err
		}
		clear(item)
		if err := yamlInto(data, item); err != nil {
			return err
		}
	}
	if text(object, "kind") == "SecretList" {
		object["kind"] = "List"
	}
	return nil
}

// secret seals one rendered Secret. As a rule its values come from the spec,
// the fleet and a chart that is pinned, so that everyone who has these has them:
// they are in git. With hidden values in it, they can be guessed.
func (m *renderedFile) secret(ctx context.Context, object map[string]any, line int, entropy Entropy) ([]byte, error) {
	m.load()
	if text(object, "apiVersion") != "v1" {
		m.add(line, RuleInvalidSecret, "an object of kind Secret whose apiVersion is not v1: kasou cannot seal it",
			"leave it out by the chart's values")
		return nil, nil
	}
	secret, problem := readSecret(object, m.cluster.Spec.Namespace)
	if problem != "" {
		m.add(line, RuleInvalidSecret, "the chart renders a Secret that the API server would reject: "+problem,
			"change the values that lead to it")
		return nil, nil
	}
	name := secret.Namespace + "/" + secret.Name
	if m.seen[name] {
		m.add(line, RuleInvalidSecret, "the chart renders Secret "+name+" twice into this file", "change the values that lead to it")
		return nil, nil
	}
	m.seen[name] = true
	if holdsPlain(m.previous, secret.Namespace, secret.Name) {
		m.found = append(m.found, finding.Finding{
			File: m.path, Line: line, Cluster: m.cluster.Name, Rule: RuleCommittedPlain, Severity: finding.Warning,
			Message: fmt.Sprintf("the file on disk holds Secret %s/%s unsealed", secret.Namespace, secret.Name),
			Hint:    "sealing it now does not take it out of git's history: if it was ever pushed, change what is in it",
		})
	}
	result, found, err := m.sealer.Secret(ctx, Request{
		Cluster: m.cluster, Path: m.path, Line: line,
		Secret: secret, Own: first(secret), Entropy: entropy, Previous: m.previous, Recorded: m.recorded,
	})
	m.found = append(m.found, found...)
	if m.sealer.options.Sealed != nil {
		m.sealer.options.Sealed(m.path)
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

// first returns the annotation that has Argo CD apply the SealedSecret before
// what reads its Secret: it applies custom kinds last. A hook has an order of its
// own, and a wave that the chart gives stays.
func first(secret *corev1.Secret) map[string]string {
	for name := range followed(secret.Annotations) {
		if name == syncWave || name == "argocd.argoproj.io/hook" || name == "helm.sh/hook" {
			return nil
		}
	}
	return map[string]string{syncWave: "-1"}
}
