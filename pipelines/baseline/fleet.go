package baseline

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/argocd"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/transition"
)

// fleetSteps returns what the step to the wanted fleet does to the Argo CD that runs, beside
// what it does to each cluster. was is the app of apps as it is committed, the zero value
// where it is not.
func (b *Baseline) fleetSteps(was argocd.Deployed) finding.List {
	changes, spec := appOfApps(b.Fleet, was), b.Fleet.Spec
	var found finding.List
	for _, c := range changes {
		b.told[c.About] = true
		severity, rule, hint := finding.Warning, RuleFleet, c.Hint
		if !slices.ContainsFunc(spec.Accept, func(a fleet.AcceptedChange) bool { return fits(a, c) }) {
			severity, rule, hint = finding.Error, RuleRefused, c.Hint+acceptance(c, "spec.accept of "+b.Fleet.File)
		}
		found = append(found, b.Fleet.Finding(severity, rule, append([]string{"spec"}, strings.Split(c.Name, ".")...), c.Message, hint))
	}
	unused := unusedAccepts(spec.Accept, changes, func(at []string, message, hint string) finding.Finding {
		return b.Fleet.Finding(finding.Warning, RuleUnusedAccept, at, message, hint)
	})
	return append(found, unused...)
}

// appOfApps returns how the app of apps that the fleet wants differs from the committed one;
// nothing where that is the zero value. Each change has the name of the field in fleet.yaml.
func appOfApps(f *fleet.Fleet, was argocd.Deployed) []transition.Change {
	now := f.Spec
	if was.Name == "" {
		return nil
	}
	var all []transition.Change
	changed := func(about transition.Cause, field, from, to, message, hint string) {
		if from != to {
			all = append(all, transition.Change{Name: field, From: from, To: to, Message: message, Hint: hint, About: about})
		}
	}
	for _, s := range []struct{ field, from, to string }{
		{"repository.url", was.Source.Repository, now.Repository.URL},
		{"repository.revision", was.Source.Revision, now.Repository.Revision},
		{"repository.path", path.Dir(was.Source.Path), path.Clean(now.Repository.Path)},
	} {
		changed(transition.ByRepository, s.field, s.from, s.to, fmt.Sprintf("Argo CD reads %s in place of %s (%s): what stands there, this check has not seen", s.to, s.from, s.field),
			"Look at what is there, and who can write to it.")
	}
	if was.In != now.ArgoCD.Namespace {
		changed(transition.ByArgoCDNamespace, "argocd.namespace", was.In, now.ArgoCD.Namespace,
			fmt.Sprintf("Argo CD moves from namespace %s to %s: the one in %s refuses all that the fleet changes from then on, as its AppProject allows its own namespace alone", was.In, now.ArgoCD.Namespace, was.In),
			fmt.Sprintf("Stop the Argo CD in %s, merge, and apply %s/bootstrap by hand where the new one runs.", was.In, f.Dir))
		return all
	}
	changed(transition.ByArgoCDName, "argocd.name", was.Name, now.ArgoCD.Name,
		fmt.Sprintf("the app of apps becomes %s: %s and %s stay beside it, and each takes the Applications of the fleet for its own", now.ArgoCD.Name, was.Name, was.Name+fleet.BootstrapEnd),
		fmt.Sprintf("After the merge delete both by kubectl delete --cascade=orphan applications.argoproj.io -n %s %s %s.", was.In, was.Name, was.Name+fleet.BootstrapEnd))
	return all
}

// hostSteps returns which hosts Argo CD knows otherwise from then on, where a person's word
// alone says that they are the same clusters: no step of theirs is refused; and which
// clusters kasou asks by another context. The error is git's.
func (b *Baseline) hostSteps(ctx context.Context) (finding.List, error) {
	text, err := b.tree.File(ctx, b.Fleet.File)
	if err != nil || text == nil {
		return nil, err
	}
	var file fleet.FleetFile
	if yaml.Unmarshal(text, &file) != nil {
		return finding.List{b.Fleet.Finding(finding.Warning, RuleFleet, nil, "what changes for Argo CD is not known: the fleet.yaml of the commit before does not parse",
			"Compare the two by hand.")}, nil
	}
	was := file.Spec
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
	return append(found, b.contextSteps(was)...), nil
}

// contextSteps returns which clusters kasou asks by another context of the kubeconfig than
// before: what it reads there, Secrets among it, no file shows.
func (b *Baseline) contextSteps(was fleet.FleetSpec) finding.List {
	now := b.Fleet.Spec
	var found finding.List
	moved := func(field []string, title, from, to string) {
		if from == to {
			return
		}
		found = append(found, b.Fleet.Finding(finding.Warning, RuleFleet, field,
			fmt.Sprintf("kasou asks %s by %s in place of %s: service ranges, Secrets and credentials are read there from then on", title, contextTitle(to), contextTitle(from)),
			"Make sure that the context leads to that cluster, wherever kasou runs."))
	}
	for _, name := range now.HostNames() {
		if b.HostContext == "" && slices.Contains(was.HostNames(), name) && was.HostOf(name).Context != now.HostOf(name).Context {
			moved(fleet.HostField(name, "context"), fleet.HostTitle(name), was.ContextOf(name), now.ContextOf(name))
		}
	}
	if was.ArgoCD.Context != now.ArgoCD.Context {
		from, known := was.ArgoCDContext()
		to, stays := now.ArgoCDContext()
		if known && stays {
			moved([]string{"spec", "argocd", "context"}, "Argo CD's cluster", from, to)
		}
	}
	return found
}

func contextTitle(name string) string {
	if name == "" {
		return "the current context"
	}
	return "the context " + name
}
