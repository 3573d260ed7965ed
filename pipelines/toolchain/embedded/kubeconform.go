package embedded

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/explain"
	"kasou/pipelines/toolchain/verdict"
)

// kubeconformTool is kubeconform in this process. The zero value is ready, and
// may be used by several goroutines.
type kubeconformTool struct {
	mu       sync.Mutex
	sessions map[string]*session
}

// NewKubeconform returns the validator alone, without the other tools.
func NewKubeconform() toolchain.Kubeconform { return &kubeconformTool{} }

// session is one set of schemas, compiled as its kinds come along.
type session struct {
	validator validator.Validator
	explainer *explain.Explainer
	// first is for the documents that come first: while they are validated, others
	// wait, who would compile the schemas of the same kinds.
	first sync.Once
}

// Validate holds each document against its schema. An error is an I/O error,
// or a schema location that is not a local file.
func (t *kubeconformTool) Validate(ctx context.Context, schemas toolchain.Schemas, of ...toolchain.Manifests) []toolchain.Result[[]toolchain.Validation] {
	s, failed := t.session(schemas)
	return toolchain.Each(ctx, of, func(ctx context.Context, m toolchain.Manifests) ([]toolchain.Validation, error) {
		if failed != nil {
			return nil, failed
		}
		results := make([]toolchain.Validation, len(m.Documents))
		if err := s.batch(ctx, m.Documents, results); err != nil {
			return nil, err
		}
		return results, nil
	})
}

// batch validates documents one after the other.
func (s *session) batch(ctx context.Context, documents []manifest.Document, results []toolchain.Validation) (err error) {
	done := false
	s.first.Do(func() {
		err, done = s.each(ctx, documents, results), true
	})
	if !done {
		err = s.each(ctx, documents, results)
	}
	return err
}

func (s *session) each(ctx context.Context, documents []manifest.Document, results []toolchain.Validation) error {
	for i, document := range documents {
		if err := ctx.Err(); err != nil {
			return err
		}
		result, err := s.validate(document)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", document.File, document.Line, err)
		}
		results[i] = result
	}
	return nil
}

// session returns the validator for a set of schemas, made once.
func (t *kubeconformTool) session(schemas toolchain.Schemas) (*session, error) {
	if err := verdict.LocalSchemas(schemas.Locations); err != nil {
		return nil, err
	}
	key := schemas.KubernetesVersion + "\x00" + strings.Join(schemas.Locations, "\x00")
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.sessions[key]; ok {
		return s, nil
	}
	v, err := validator.New(schemas.Locations, validator.Opts{KubernetesVersion: schemas.KubernetesVersion, Strict: true})
	if err != nil {
		return nil, fmt.Errorf("start kubeconform: %w", err)
	}
	if t.sessions == nil {
		t.sessions = map[string]*session{}
	}
	s := &session{validator: v, explainer: explain.New(schemas)}
	t.sessions[key] = s
	return s, nil
}

// validate judges one document. It is parsed already, and kubeconform would parse it
// again: so the explainer, which has kubeconform's schemas and its library, says of
// most that they are valid, and kubeconform has the word on all others. Its own
// messages name the field for a few problems only and quote values, so the reasons
// come from the explainer.
func (s *session) validate(document manifest.Document) (validation toolchain.Validation, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("kubeconform panicked: %v", reason)
		}
	}()
	if s.explainer.Holds(document) {
		return toolchain.Validation{Status: toolchain.Valid, APIVersion: document.Head.APIVersion, Kind: document.Head.Kind}, nil
	}
	result := s.validator.ValidateResource(resource.Resource{Path: document.File, Bytes: document.Bytes})
	if signature, unread := result.Resource.Signature(); unread == nil {
		validation.APIVersion, validation.Kind = signature.Version, signature.Kind
	}
	switch result.Status {
	case validator.Valid:
		validation.Status = toolchain.Valid
	case validator.Empty:
		validation.Status = toolchain.Empty
		validation.Problems = []toolchain.Problem{{Message: verdict.EmptyDocument}}
	case validator.Invalid:
		validation.Status = toolchain.Invalid
		validation.Problems, err = s.explainer.Explain(document)
	case validator.Error:
		validation.Status, validation.Problems, err = verdict.Document(result.Err.Error())
	default:
		err = fmt.Errorf("kubeconform gave status %d", result.Status)
	}
	return validation, err
}
