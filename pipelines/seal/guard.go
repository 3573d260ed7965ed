package seal

import (
	"errors"
	"maps"
	"strings"

	"kasou/pipelines/manifest"
)

// Annotate returns the SealedSecret that a registration's file holds with the
// annotations own, of those for Argo CD, in its own metadata. The ciphertext, the
// template and the tags, which do not cover these annotations, stay as they are.
// It returns nil where the SealedSecret has exactly these already.
func Annotate(file []byte, own map[string]string) ([]byte, error) {
	for _, d := range manifest.Parse(manifest.Registration, "", file).Documents {
		if d.Err != nil {
			return nil, d.Err
		}
		if d.Head.Kind != sealedKind {
			continue
		}
		s, err := takeApart(d.Object)
		if err != nil {
			return nil, err
		}
		template, _ := texts(d.Object, "spec", "template", "metadata", "annotations")
		wanted := followed(template)
		delete(wanted, "argocd.argoproj.io/sync-options") // of a registration by an older kasou
		maps.Copy(wanted, own)
		for name, value := range s.annotations {
			if !strings.HasPrefix(name, "argocd.argoproj.io/") {
				wanted[name] = value
			}
		}
		if maps.Equal(wanted, s.annotations) {
			return nil, nil
		}
		s.annotations = wanted
		return marshal(s.with(s.values, s.record))
	}
	return nil, errors.New("it holds no SealedSecret")
}
