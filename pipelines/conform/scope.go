package conform

import (
	"bytes"
	"fmt"
	"slices"

	"kasou/pipelines/conform/bundle"
	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

// contradictions rejects what one entry of spec.schemas defines where it is known
// otherwise: by this kasou, or by the entries before and the definitions above it. By the
// scope is decided which objects may leave a cluster's own namespace, and only the host
// has the definition that holds there.
func (s *Set) contradictions(in *importer) error {
	scopes := slices.Clone(s.scopes)
	for _, scope := range in.bundle.Scopes {
		if i := slices.IndexFunc(scopes, func(o bundle.Scope) bool { return o.Group == scope.Group && o.Kind == scope.Kind }); i >= 0 && scopes[i].Cluster != scope.Cluster {
			in.contradicted(fmt.Sprintf("%s: %s, and %s says the opposite", scope.At, said(scope), scopes[i].At))
		}
		known, err := knownOtherwise(scope)
		if err != nil {
			return err
		}
		if known {
			in.contradicted(fmt.Sprintf("%s: %s, and kasou knows the opposite", scope.At, said(scope)))
		}
		scopes = append(scopes, scope)
	}
	for _, kind := range in.bundle.Kinds {
		name := kind.File()
		if other, twice := s.defined[name]; twice && !bytes.Equal(other, in.files[name]) {
			in.contradicted(fmt.Sprintf("%s %s is defined by an entry before, and not the same", kind.APIVersion(), kind.Kind))
		}
		if s.defined == nil {
			s.defined = manifest.Files{}
		}
		s.defined[name] = in.files[name]
	}
	return nil
}

func (in *importer) contradicted(message string) {
	in.problems = append(in.problems, problem{finding.Error, message, "Take the definition that the host has: kubectl get customresourcedefinition NAME -o yaml."})
}

// said returns what a definition says of its objects.
func said(s bundle.Scope) string {
	if s.Cluster {
		return "objects of " + s.String() + " have no namespace (spec.scope: Cluster)"
	}
	return "objects of " + s.String() + " have a namespace (spec.scope: Namespaced)"
}

// knownOtherwise reports whether this kasou knows that the scope is the other one. Of the
// kinds in its own bundles all have a namespace that are not listed as cluster-scoped.
func knownOtherwise(s bundle.Scope) (bool, error) {
	cluster, known := manifest.ClusterScoped(s.Group, s.Kind)
	if !known || cluster == s.Cluster {
		return false, nil
	}
	if cluster {
		return true, nil
	}
	entries, err := bundle.Manifest()
	if err != nil {
		return false, err
	}
	for name := range entries {
		b, err := bundle.Load(name)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(b.Kinds, func(k bundle.Kind) bool { return k.Group == s.Group && k.Kind == s.Kind }) {
			return true, nil
		}
	}
	return false, nil
}
