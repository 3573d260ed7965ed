package fleet

import "testing"

func TestSharedAloneReadsNoCluster(t *testing.T) {
	root := repo(t, map[string]string{"fleet.yaml": goodFleet + "  argocd: {namespace: gitops}\n", "a/spec.yaml": "kind: ["})
	f, findings, err := Load(root, "clusters", SharedAlone())
	if err != nil || len(findings) > 0 || len(f.Clusters) > 0 || f.Spec.ArgoCD.Namespace != "gitops" {
		t.Errorf("%v, %v, %d clusters, %+v", err, findings, len(f.Clusters), f.Spec)
	}
}
