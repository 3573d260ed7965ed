package contract

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/argoproj/gitops-engine/pkg/health"
	gitops "github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/kube/kubetest"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/util/openapi"
	"sigs.k8s.io/yaml"
)

const syncOptions = "argocd.argoproj.io/sync-options"

// clusterScoped are the kinds without a namespace among what charts render.
var clusterScoped = []string{"Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "CustomResourceDefinition", "IngressClass"}

// host is the cluster that Argo CD deploys to: its objects, and the Application
// that each belongs to.
type host struct {
	kubetest.MockKubectlCmd

	mu      sync.Mutex
	objects map[kube.ResourceKey]*unstructured.Unstructured
	owner   map[kube.ResourceKey]string
	// log has what was done, in order: "apply KIND NAME" or "prune KIND NAME".
	log []string
	// app is the one whose sync runs.
	app string
	// unsealing is what the Sealed Secrets controller does of itself, after each
	// apply of a SealedSecret; nil where it is down.
	unsealing func(*unstructured.Unstructured)
	// refusing has the kinds whose updates the API server does not take.
	refusing map[string]bool
	config   *rest.Config
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{objects: map[kube.ResourceKey]*unstructured.Unstructured{}, owner: map[kube.ResourceKey]string{}, unsealing: unsealed}
	server := httptest.NewServer(http.HandlerFunc(h.discover))
	t.Cleanup(server.Close)
	h.config = &rest.Config{Host: server.URL, QPS: -1}
	return h
}

// unsealed is what the controller writes into the status of a SealedSecret once
// its Secret is there.
func unsealed(o *unstructured.Unstructured) {
	_ = unstructured.SetNestedMap(o.Object, map[string]any{
		"observedGeneration": o.GetGeneration(),
		"conditions":         []any{map[string]any{"type": "Synced", "status": "True"}},
	}, "status")
}

// discover serves every kind that a test has met, as the API server's discovery.
func (h *host) discover(w http.ResponseWriter, r *http.Request) {
	version := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/apis/"), "/api/")
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: version}
	h.mu.Lock()
	for kind := range kindsMet {
		if kind.GroupVersion().String() == version {
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name: strings.ToLower(kind.Kind) + "s", Kind: kind.Kind, Namespaced: !slices.Contains(clusterScoped, kind.Kind),
				Verbs: metav1.Verbs{"get", "list", "create", "update", "patch", "delete", "watch"},
			})
		}
	}
	h.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

var kindsMet = map[schema.GroupVersionKind]bool{}

// IsNamespaced implements kube.ResourceInfoProvider.
func (h *host) IsNamespaced(kind schema.GroupKind) (bool, error) {
	return !slices.Contains(clusterScoped, kind.Kind), nil
}

func (h *host) ManageResources(*rest.Config, openapi.Resources) (kube.ResourceOperations, func(), error) {
	return operations{&kubetest.MockResourceOps{}, h}, func() {}, nil
}

// operations are what a sync does to the host; it replaces and creates nothing.
type operations struct {
	*kubetest.MockResourceOps
	host *host
}

func (p operations) ApplyResource(_ context.Context, o *unstructured.Unstructured, dryRun cmdutil.DryRunStrategy, _, _, _ bool, _ string) (string, error) {
	if dryRun != cmdutil.DryRunNone {
		return "", nil
	}
	h := p.host
	h.mu.Lock()
	defer h.mu.Unlock()
	key := keyOf(o)
	before := h.objects[key]
	if before != nil && h.refusing[o.GetKind()] {
		return "", errors.New("is invalid: updates to this field are forbidden")
	}
	after := o.DeepCopy()
	after.SetUID(types.UID(key.String()))
	after.SetGeneration(1)
	if before != nil {
		after.SetGeneration(before.GetGeneration())
		if !reflect.DeepEqual(before.Object["spec"], after.Object["spec"]) {
			after.SetGeneration(before.GetGeneration() + 1)
		}
		if status, ok := before.Object["status"]; ok {
			after.Object["status"] = status
		}
	}
	if h.unsealing != nil && o.GetKind() == "SealedSecret" {
		h.unsealing(after)
	}
	h.objects[key], h.owner[key] = after, h.app
	h.log = append(h.log, "apply "+o.GetKind()+" "+o.GetName())
	return "", nil
}

// DeleteResource marks an object that has a finalizer, and removes any other.
func (h *host) DeleteResource(_ context.Context, _ *rest.Config, kind schema.GroupVersionKind, name, namespace string, _ metav1.DeleteOptions) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := kube.NewResourceKey(kind.Group, kind.Kind, namespace, name)
	h.log = append(h.log, "prune "+kind.Kind+" "+name)
	if o := h.objects[key]; o != nil && len(o.GetFinalizers()) > 0 {
		now := metav1.Now()
		o.SetDeletionTimestamp(&now)
		return nil
	}
	delete(h.objects, key)
	delete(h.owner, key)
	return nil
}

func keyOf(o *unstructured.Unstructured) kube.ResourceKey {
	key := kube.GetResourceKey(o)
	if slices.Contains(clusterScoped, o.GetKind()) {
		key.Namespace = ""
	}
	return key
}

// has reports whether the host has an object of the kind and name that is not
// being deleted.
func (h *host) has(kind, name string) bool {
	o := h.find(kind, name)
	return o != nil && o.GetDeletionTimestamp() == nil
}

func (h *host) find(kind, name string) *unstructured.Unstructured {
	for key, o := range h.objects {
		if key.Kind == kind && key.Name == name {
			return o
		}
	}
	return nil
}

// done returns what was done since the last call.
func (h *host) done() []string {
	log := h.log
	h.log = nil
	return log
}

// outcome is how a sync came out.
type outcome struct {
	phase   common.OperationPhase
	message string
	results []common.ResourceSyncResult
}

// application is an Application as the engine gets it.
type application struct {
	name, namespace string
	folder          string
	// prune is the Application's Prune option; empty where it has none.
	prune string
	// health is nil for that of Argo CD.
	health health.HealthOverride
}

// rounds is how often a sync is asked to go on until it counts as waiting.
const rounds = 20

// sync runs one sync of the Application, as the controller does: again and again
// until it has succeeded, failed, or does not get on any more.
func (h *host) sync(t *testing.T, a application) outcome {
	t.Helper()
	targets := documents(t, a.folder)
	h.app = a.name
	var out outcome
	started := metav1.Now()
	for range rounds {
		live := map[kube.ResourceKey]*unstructured.Unstructured{}
		wanted := map[kube.ResourceKey]bool{}
		for _, o := range targets {
			key := keyOf(o)
			if key.Namespace == "" && !slices.Contains(clusterScoped, key.Kind) {
				key.Namespace = a.namespace
			}
			wanted[key] = true
		}
		for key, o := range h.objects {
			if h.owner[key] == a.name || wanted[key] {
				live[key] = withDefault(o, a.prune)
			}
		}
		check := a.health
		if check == nil {
			check = argocdHealth{}
		}
		context, cleanup, err := gitops.NewSyncContext("revision", gitops.Reconcile(targets, live, a.namespace, h),
			h.config, h.config, h, a.namespace, nil,
			gitops.WithOperationSettings(false, true, false, false), gitops.WithLogr(logr.Discard()),
			gitops.WithInitialState(out.phase, out.message, out.results, started), gitops.WithHealthOverride(check))
		if err != nil {
			t.Fatal(err)
		}
		context.Sync()
		cleanup()
		out.phase, out.message, out.results = context.GetState()
		if out.phase.Completed() {
			break
		}
	}
	return out
}

func withDefault(o *unstructured.Unstructured, prune string) *unstructured.Unstructured {
	o = o.DeepCopy()
	annotations := o.GetAnnotations()
	if prune == "" || strings.Contains(annotations[syncOptions], "Prune=") {
		return o
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[syncOptions] = strings.Trim(annotations[syncOptions]+",Prune="+prune, ",")
	o.SetAnnotations(annotations)
	return o
}

// argocdHealth is what Argo CD adds to the engine's own checks
// (resource_customizations/bitnami.com/SealedSecret/health.lua of 3.2.5 and
// 3.5.1). An Application has no health since 1.8.
type argocdHealth struct{}

func (argocdHealth) GetResourceHealth(o *unstructured.Unstructured) (*health.HealthStatus, error) {
	switch o.GetKind() {
	case "SealedSecret":
		conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		for _, c := range conditions {
			condition, _ := c.(map[string]any)
			switch {
			case condition["type"] != "Synced":
			case condition["status"] == "True":
				return &health.HealthStatus{Status: health.HealthStatusHealthy}, nil
			case condition["status"] == "False":
				return &health.HealthStatus{Status: health.HealthStatusDegraded}, nil
			}
		}
		return &health.HealthStatus{Status: health.HealthStatusProgressing}, nil
	case "Application":
		return nil, nil
	}
	return nil, nil
}

// documents reads the objects of a folder, as Argo CD does of one that is no
// chart.
func documents(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range strings.Split("\n"+string(data), "\n---") {
			o := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
				return err
			}
			if len(o.Object) > 0 {
				all = append(all, o)
				kindsMet[o.GroupVersionKind()] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b *unstructured.Unstructured) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return all
}
