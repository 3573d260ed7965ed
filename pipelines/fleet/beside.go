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

// besideDepth is how deep below the repo's root other clusters folders are looked for:
// environments/production/clusters is as deep. Each folder above that costs a listing.
const besideDepth = 3

// beside returns a finding for each other fleet of the repository that makes an object of
// the same name in the same namespace of Argo CD: the later sync of the two wins. It is an
// error where both name one context of Argo CD's cluster, and a warning where that is not
// known. repo is the repo's root.
func (f *Fleet) beside(repo fs.FS) finding.List {
	var findings finding.List
	for _, dir := range otherFolders(repo, ".", f.Dir, besideDepth) {
		other, ok := readOther(repo, dir)
		if !ok || cmp.Or(other.ArgoCD.Namespace, DefaultArgoCDNamespace) != f.Spec.ArgoCD.Namespace {
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
		if shared := f.sharedNames(repo, dir, other.ArgoCD); len(shared) > 0 {
			findings = append(findings, f.Finding(severity, RuleTwoFleets, []string{"spec", "argocd", "name"},
				fmt.Sprintf("%s is another fleet, and makes these objects of Argo CD, too: %s", path.Join(dir, layout.Fleet), strings.Join(shared, ", ")),
				"Give each fleet an argocd.name, projects and clusters of its own; if each has an Argo CD of its own, write its argocd.context."))
		}
	}
	return findings
}

// otherFolders returns the folders below dir with a fleet.yaml, but for own, sorted. What
// begins with a dot is left out, and links are not followed.
func otherFolders(repo fs.FS, dir, own string, depth int) []string {
	entries, err := fs.ReadDir(repo, dir)
	if err != nil {
		return nil // nothing is deployed from what cannot be read here
	}
	var all []string
	for _, e := range entries {
		below := path.Join(dir, e.Name())
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || below == own {
			continue
		}
		if info, err := fs.Stat(repo, path.Join(below, layout.Fleet)); err == nil && info.Mode().IsRegular() && info.Size() <= MaxFileSize {
			all = append(all, below)
		} else if depth > 1 {
			all = append(all, otherFolders(repo, below, own, depth-1)...)
		}
	}
	return all
}

// readOther returns what the fleet.yaml of another folder says, and whether it is one of
// kasou's: other tools have files of that name.
func readOther(repo fs.FS, dir string) (FleetSpec, bool) {
	var file FleetFile
	text, err := fs.ReadFile(repo, path.Join(dir, layout.Fleet))
	if err != nil || yaml.Unmarshal(text, &file) != nil {
		return FleetSpec{}, false
	}
	return file.Spec, file.APIVersion == APIVersion && file.Kind == KindFleet
}

// sharedNames returns the objects in Argo CD's namespace that the fleet and the one in dir
// both make, as a message names them.
func (f *Fleet) sharedNames(repo fs.FS, dir string, other FleetArgoCD) []string {
	var shared []string
	theirs := other.ownProjects()
	for _, name := range f.Spec.ArgoCD.ownProjects() {
		if slices.Contains(theirs, name) {
			shared = append(shared, "AppProject "+name)
		}
	}
	ours := []string{f.Spec.ArgoCD.Name, f.Spec.ArgoCD.Name + BootstrapEnd}
	apps := []string{theirs[0], theirs[0] + BootstrapEnd}
	apps = slices.DeleteFunc(apps, func(name string) bool { return !slices.Contains(ours, name) && !f.hasCluster(name) })
	entries, _ := fs.ReadDir(repo, dir) // what cannot be listed has no cluster
	for _, e := range entries {
		if name := e.Name(); slices.Contains(ours, name) || f.hasCluster(name) {
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

func (f *Fleet) hasCluster(name string) bool {
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
