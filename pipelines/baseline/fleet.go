package baseline

import (
	"cmp"
	"context"
	"fmt"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

// fleetSteps returns what a change of fleet.yaml does to the Argo CD that runs, beside
// what it does to each cluster. The error is git's.
func (b *Baseline) fleetSteps(ctx context.Context) (finding.List, error) {
	text, err := b.tree.File(ctx, b.Fleet.File)
	if err != nil || text == nil {
		return nil, err
	}
	var was struct {
		Spec struct {
			ArgoCD struct{ Name, Namespace string }
		}
	}
	if yaml.Unmarshal(text, &was) != nil {
		return nil, nil // it was no fleet before
	}
	var found finding.List
	warn := func(field, message, hint string) {
		found = append(found, b.Fleet.Finding(finding.Warning, RuleFleet, []string{"spec", "argocd", field}, message, hint))
	}
	now := b.Fleet.Spec.ArgoCD
	from := cmp.Or(was.Spec.ArgoCD.Namespace, fleet.DefaultArgoCDNamespace)
	if from != now.Namespace {
		warn("namespace", fmt.Sprintf("Argo CD moves from namespace %s to %s: the one in %s refuses all that the fleet changes from then on, as its AppProject allows its own namespace alone", from, now.Namespace, from),
			fmt.Sprintf("Stop the Argo CD in %s, merge, and apply %s/bootstrap by hand where the new one runs.", from, b.Dir))
		return found, nil
	}
	if name := cmp.Or(was.Spec.ArgoCD.Name, fleet.DefaultArgoCDName); name != now.Name {
		warn("name", fmt.Sprintf("the app of apps becomes %s: %s and %s stay beside it, and each takes the Applications of the fleet for its own", now.Name, name, name+fleet.BootstrapEnd),
			fmt.Sprintf("After the merge delete both by kubectl delete --cascade=orphan applications.argoproj.io -n %s %s %s.", now.Namespace, name, name+fleet.BootstrapEnd))
	}
	return found, nil
}
