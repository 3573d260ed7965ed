// Command argocd-diff says what Argo CD's own comparison, the server-side diff
// of its engine, makes of objects. It reads requests as JSON from stdin, and
// writes an answer to each as a line of JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// manager is Argo CD's field manager.
const manager = "argocd-controller"

// Request is one object.
type Request struct {
	// Git has Argo CD's tracking mark. Path is where the API server has the
	// object.
	Git  map[string]any `json:"git"`
	Live map[string]any `json:"live"`
	Path string         `json:"path"`
}

// Answer is Argo CD's verdict.
type Answer struct {
	OutOfSync bool   `json:"outOfSync"`
	Error     string `json:"error,omitempty"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	engine := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	_, parser, err := engine.LoadOpenAPISchema(config)
	if err != nil {
		return err
	}
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var request Request
		if err := requests.Decode(&request); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		result, err := diff.Diff(&unstructured.Unstructured{Object: request.Git}, &unstructured.Unstructured{Object: request.Live},
			diff.WithServerSideDiff(true), diff.WithManager(manager), diff.WithGVKParser(parser), diff.WithIgnoreMutationWebhook(true),
			diff.WithServerSideDryRunner(dryRunner{client.RESTClient(), request.Path}), diff.WithNormalizer(ignored{}))
		answer := Answer{}
		if err != nil {
			answer.Error = err.Error()
		} else {
			answer.OutOfSync = result.Modified
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

// dryRunner applies as Argo CD's own runner does, without kubectl's commands.
type dryRunner struct {
	client rest.Interface
	path   string
}

func (r dryRunner) Run(ctx context.Context, object *unstructured.Unstructured, manager string) (string, error) {
	body, err := object.MarshalJSON()
	if err != nil {
		return "", err
	}
	data, err := r.client.Patch(types.ApplyPatchType).AbsPath(r.path).Param("dryRun", "All").Param("fieldManager", manager).Param("force", "true").Body(body).DoRaw(ctx)
	return string(data), err
}

// ignored takes out what the Application ignores, and status, which Argo CD
// ignores from 3.0 on.
type ignored struct{}

func (ignored) Normalize(object *unstructured.Unstructured) error {
	unstructured.RemoveNestedField(object.Object, "status")
	if object.GetKind() == "StatefulSet" {
		unstructured.RemoveNestedField(object.Object, "spec", "volumeClaimTemplates")
	}
	return nil
}
