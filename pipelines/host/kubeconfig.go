package host

import (
	"context"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// State is how far a virtual cluster has come on the host.
type State int

const (
	// Ready means that its kubeconfig is there.
	Ready State = iota
	// NoNamespace means that nothing of it is on the host.
	NoNamespace
	// Pending means that it has not booted: its Secret is not there.
	Pending
	// EmptySecret means that its Secret is there, without a kubeconfig in it.
	EmptySecret
)

// String returns the state's word.
func (s State) String() string {
	return [...]string{"ready", "no namespace", "pending", "empty secret"}[s]
}

// KubeconfigRequest names a virtual cluster.
type KubeconfigRequest struct {
	// Namespace on the host, and Name of the cluster, which is its Helm
	// release's.
	Namespace, Name string
	// Exec allows to read the file in the pod NAME-0 where the Secret does not
	// have it: for charts whose syncer runs in a StatefulSet.
	Exec bool
}

// Kubeconfig is what a virtual cluster says of itself.
type Kubeconfig struct {
	State State
	// Data is the file; nil unless the State is Ready. It is a secret.
	Data []byte
	// Source says where it comes from, as namespace/object.
	Source string
	// Exec is why the pod was asked in vain; nil where it was not asked, or
	// answered. The kubeconfig's Secret counts, so it is not an error.
	Exec error
}

// Format prints the state and the source, never the file.
func (k Kubeconfig) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "kubeconfig "+k.Source+": "+k.State.String())
}

// configKey is the key of every vcluster version; the others came later.
const configKey = "config"

// ReadKubeconfig returns the kubeconfig in the Secret vc-NAME, else that in the syncer's pod. A
// cluster that has not booted is a State, no error. The errors are those of a
// host that cannot be asked.
func ReadKubeconfig(ctx context.Context, h *Host, r KubeconfigRequest) (Kubeconfig, error) {
	name := "vc-" + r.Name
	result := Kubeconfig{Source: r.Namespace + "/" + name}
	secret, err := h.Secret(ctx, r.Namespace, name)
	switch {
	case err != nil:
		return Kubeconfig{}, err
	case secret == nil:
		result.State = Pending
	case len(secret.Data[configKey]) > 0:
		result.Data = secret.Data[configKey]
		return result, nil
	default:
		result.State = EmptySecret
	}
	if r.Exec {
		pod := r.Name + "-0"
		data, err := execKubeconfig(ctx, h.connection, r.Namespace, pod)
		switch {
		case err == nil:
			return Kubeconfig{Data: data, Source: r.Namespace + "/" + pod}, nil
		case ctx.Err() != nil:
			return Kubeconfig{}, err
		}
		result.Exec = err
	}
	if result.State == Pending && namespaceGone(ctx, h.connection, r.Namespace) {
		result.State = NoNamespace
	}
	return result, nil
}

// namespaceGone is sure or says no: the answer only makes a message better.
func namespaceGone(ctx context.Context, host *connection, name string) bool {
	// The permission can stand in a Role of that namespace: RBAC counts a Namespace as
	// an object in itself.
	_, err := host.do(ctx, call{doing: "looking for the namespace " + name,
		needs: Permission{Verb: "get", Resource: "namespaces", Names: []string{name}, Namespace: name}})
	return apierrors.IsNotFound(err)
}
