package host

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Destination is where an Argo CD Application deploys to.
type Destination struct {
	// Namespace and Name are the Application's own.
	Namespace, Name string
	// Server is the URL, and Cluster the name, of the cluster that it deploys to;
	// one of them is empty.
	Server, Cluster string
}

// Destinations returns those of all Applications on the host. The errors are those of
// a host that cannot be asked.
func Destinations(ctx context.Context, h *Host) ([]Destination, error) {
	type application struct {
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Destination struct {
				Server string `json:"server"`
				Name   string `json:"name"`
			} `json:"destination"`
		} `json:"spec"`
	}
	items, err := listAll[application](ctx, h.connection, call{doing: "listing applications", version: "v1alpha1",
		needs: Permission{Verb: "list", Group: "argoproj.io", Resource: "applications"}})
	var all []Destination
	for _, a := range items {
		all = append(all, Destination{a.Namespace, a.Name, a.Spec.Destination.Server, a.Spec.Destination.Name})
	}
	return all, err
}
