package host

import "context"

// Destination is where an Argo CD Application deploys to.
type Destination struct {
	// Namespace and Name are the Application's own.
	Namespace, Name string
	// Server is the URL, and Cluster the name, of the cluster that it deploys to;
	// one of them is empty.
	Server, Cluster string
}

// Destinations returns those of all Applications on the host, in pages. The
// errors are those of a host that cannot be asked.
func (h *Host) Destinations(ctx context.Context) ([]Destination, error) {
	const path = "/apis/argoproj.io/v1alpha1/applications"
	var all []Destination
	query := map[string]string{"limit": pageSize}
	for {
		var list struct {
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []struct {
				Metadata struct {
					Namespace string `json:"namespace"`
					Name      string `json:"name"`
				} `json:"metadata"`
				Spec struct {
					Destination struct {
						Server string `json:"server"`
						Name   string `json:"name"`
					} `json:"destination"`
				} `json:"spec"`
			} `json:"items"`
		}
		err := h.decode(ctx, call{doing: "listing applications", path: path, query: query,
			needs: Permission{Verb: "list", Group: "argoproj.io", Resource: "applications"}}, &list)
		if err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			all = append(all, Destination{item.Metadata.Namespace, item.Metadata.Name, item.Spec.Destination.Server, item.Spec.Destination.Name})
		}
		if list.Metadata.Continue == "" {
			return all, nil
		}
		query = map[string]string{"limit": pageSize, "continue": list.Metadata.Continue}
	}
}
