package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/e2e/internal/build"
)

// argoCD is Argo CD's own comparison, which runs beside the tests.
type argoCD struct {
	env       *environment
	questions *json.Encoder
	answers   *json.Decoder
	paths     map[string]string
}

// argoCDOf runs the comparison against the host.
func argoCDOf(t *testing.T, env *environment) *argoCD {
	t.Helper()
	binary, err := build.ArgoCDDiff.Binary(t.Context(), os.Stderr)
	must(t, err)
	pair, err := env.host.Credential("argocd", []string{"system:masters"}, time.Hour)
	must(t, err)
	command := exec.CommandContext(t.Context(), binary)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfigFile(t, env.host, pair))
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	must(t, err)
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	t.Cleanup(func() { _, _ = in.Close(), command.Wait() })
	return &argoCD{env: env, questions: json.NewEncoder(in), answers: json.NewDecoder(out), paths: map[string]string{}}
}

// outOfSync returns Argo CD's verdict on an object in git, which has its
// tracking mark.
func (a *argoCD) outOfSync(t *testing.T, git *unstructured.Unstructured) bool {
	t.Helper()
	client, err := applierOf(t, a.env.host).Resource(git.GroupVersionKind(), git.GetNamespace())
	must(t, err)
	live, err := client.Get(t.Context(), git.GetName(), metav1.GetOptions{})
	must(t, err)
	must(t, a.questions.Encode(map[string]any{"git": git.Object, "live": live.Object, "path": a.path(t, git)}))
	var answer struct {
		OutOfSync bool   `json:"outOfSync"`
		Error     string `json:"error"`
	}
	must(t, a.answers.Decode(&answer))
	if answer.Error != "" {
		t.Errorf("Argo CD cannot compare %s %s: %s", git.GetKind(), git.GetName(), answer.Error)
	}
	return answer.OutOfSync
}

// path is where the API server has an object.
func (a *argoCD) path(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	kind := o.GroupVersionKind()
	path := a.paths[kind.String()]
	if path == "" {
		resources, err := clientOf(t, a.env.host).Discovery().ServerResourcesForGroupVersion(kind.GroupVersion().String())
		must(t, err)
		for _, r := range resources.APIResources {
			if r.Kind == kind.Kind && path == "" {
				path = "/" + r.Name + "/"
			}
		}
		a.paths[kind.String()] = path
	}
	prefix := "/apis/" + kind.GroupVersion().String()
	if kind.Group == "" {
		prefix = "/api/" + kind.Version
	}
	if o.GetNamespace() != "" {
		prefix += "/namespaces/" + o.GetNamespace()
	}
	return prefix + path + o.GetName()
}

// markedOf returns the objects of a cluster as Argo CD compares them: those of
// its own Application have the tracking mark.
func (w watched) markedOf(t *testing.T, name string, mark tracker) []*unstructured.Unstructured {
	t.Helper()
	objects := generatedOf(t, w.repo, name)
	for _, o := range objects {
		if o.GetKind() != "Application" && o.GetNamespace() != "argocd" {
			mark(name, o)
		}
	}
	return objects
}
