package baseline

import (
	"cmp"
	"context"
	"fmt"
	"slices"

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
	var was fleet.FleetFile
	if yaml.Unmarshal(text, &was) != nil {
		return finding.List{b.Fleet.Finding(finding.Warning, RuleFleet, nil, "what changes for Argo CD is not known: the fleet.yaml of the commit before does not parse",
			"Compare the two by hand.")}, nil
	}
	found := b.hostSteps(was.Spec)
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

// hostSteps returns which hosts Argo CD knows otherwise from then on, where a person's word
// alone says that they are the same clusters: no step of theirs is refused.
func (b *Baseline) hostSteps(was fleet.FleetSpec) finding.List {
	var found finding.List
	for _, name := range b.Fleet.Spec.HostNames() {
		if !slices.Contains(was.HostNames(), name) {
			continue
		}
		from, now := was.DestinationOf(name).String(), b.Fleet.Spec.DestinationOf(name)
		if !now.Is(from) && b.Fleet.Spec.IsHost(name, from) {
			found = append(found, b.Fleet.Finding(finding.Warning, RuleFleet, fleet.HostField(name, "sameAs"),
				fmt.Sprintf("Argo CD deploys to %s in place of %s, and sameAs alone says that they are one cluster", now, from),
				"Make sure that they are: if not, every cluster of the host begins there anew, empty."))
		}
	}
	return found
}
