package cluster

import (
	"testing"

	"kasou/pipelines/fleet"
)

// Whenever the ClusterRoles of two clusters are called alike, both are told apart from others.
func TestAmbiguousNames(t *testing.T) {
	parts := []string{"a", "v", "a-v", "v-a", "a-v-a", "v-v", "a-a"}
	roles := map[string][]fleet.Cluster{}
	for _, name := range parts {
		for _, namespace := range parts {
			role := name + "-v-" + namespace
			roles[role] = append(roles[role], fleet.Cluster{Name: name, Spec: fleet.ClusterSpec{Namespace: namespace}})
		}
	}
	alike := 0
	for role, of := range roles {
		for _, c := range of {
			if len(of) > 1 && !ambiguous(c) {
				t.Errorf("vc-%s: %s in %s is not seen", role, c.Name, c.Spec.Namespace)
			}
		}
		alike += len(of) - 1
	}
	if alike == 0 {
		t.Error("none are called alike")
	}
	if ambiguous(fleet.Cluster{Name: "dev-1", Spec: fleet.ClusterSpec{Namespace: "dev-1"}}) {
		t.Error("dev-1 is called like another one")
	}
}
