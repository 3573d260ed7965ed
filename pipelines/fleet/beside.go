package fleet

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
)

// Beside returns a finding for each other fleet of the repository that makes an object of
// the same name in the same namespace of Argo CD: the later sync of the two wins. It is an
// error where both name one context of Argo CD's cluster, and a warning where that is not
// known. repo is the repo's root, and files are the fleet.yaml that are in it.
func (f *Fleet) Beside(repo fs.FS, files []string) finding.List {
	var findings finding.List
	for _, file := range files {
		dir := path.Dir(file)
		other, ok := readOther(repo, file)
		if dir == f.Dir || !ok || cmp.Or(other.ArgoCD.Namespace, DefaultArgoCDNamespace) != f.Spec.ArgoCD.Namespace {
			continue
		}
		severity := finding.Warning
		ours, _ := f.Spec.ArgoCDContext()
		theirs, _ := other.ArgoCDContext()
		if ours != "" && theirs != "" {
			severity = finding.Error
			if ours != theirs {
				continue
			}
		}
		if shared := sharedNames(f, repo, dir, other.ArgoCD); len(shared) > 0 {
			findings = append(findings, f.Finding(severity, RuleTwoFleets, []string{"spec", "argocd", "name"},
				fmt.Sprintf("%s is another fleet, and makes these objects of Argo CD, too: %s", file, strings.Join(shared, ", ")),
				"Give each fleet an argocd.name, projects and clusters of its own; if each has an Argo CD of its own, write its argocd.context."))
		}
	}
	return findings
}

// readOther returns what another fleet.yaml says, and whether it is one of kasou's: other
// tools have files of that name.
func readOther(repo fs.FS, file string) (FleetSpec, bool) {
	var read FleetFile
	if info, err := fs.Stat(repo, file); err != nil || !info.Mode().IsRegular() || info.Size() > MaxFileSize {
		return FleetSpec{}, false
	}
	text, err := fs.ReadFile(repo, file)
	if err != nil || yaml.Unmarshal(text, &read) != nil {
		return FleetSpec{}, false
	}
	return read.Spec, read.APIVersion == APIVersion && read.Kind == KindFleet
}

// sharedNames returns the objects in Argo CD's namespace that the fleet and the one in dir
// both make, as a message names them.
func sharedNames(f *Fleet, repo fs.FS, dir string, other FleetArgoCD) []string {
	var shared []string
	theirs := other.ownProjects()
	for _, name := range f.Spec.ArgoCD.ownProjects() {
		if slices.Contains(theirs, name) {
			shared = append(shared, "AppProject "+name)
		}
	}
	ours := []string{f.Spec.ArgoCD.Name, f.Spec.ArgoCD.Name + BootstrapEnd}
	apps := []string{theirs[0], theirs[0] + BootstrapEnd}
	apps = slices.DeleteFunc(apps, func(name string) bool { return !slices.Contains(ours, name) && !hasCluster(f, name) })
	entries, _ := fs.ReadDir(repo, dir) // what cannot be listed has no cluster
	for _, e := range entries {
		if name := e.Name(); slices.Contains(ours, name) || hasCluster(f, name) {
			if _, err := fs.Stat(repo, path.Join(dir, name, layout.Spec)); err == nil {
				apps = append(apps, name)
			}
		}
	}
	for i, name := range apps {
		if i == 5 {
			return append(shared, fmt.Sprintf("%d more", len(apps)-i))
		}
		shared = append(shared, "Application "+name)
	}
	return shared
}

func hasCluster(f *Fleet, name string) bool {
	_, has := f.Cluster(name)
	return has
}

// ownProjects returns the names of the AppProjects that kasou writes, that of the app of
// apps first.
func (a FleetArgoCD) ownProjects() []string {
	names := []string{cmp.Or(a.Name, DefaultArgoCDName)}
	for _, p := range a.Projects {
		if p.Generated {
			names = append(names, p.Name)
		}
	}
	return names
}
