package argocd

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree"
)

// Bootstrap returns what a person applies once by hand, and what keeps itself
// from then on, by path from the repo's root: the app of apps, the Application
// that deploys this folder, their AppProject, and the AppProjects that the fleet
// has kasou generate. kinds are the kinds without a namespace, GROUP/KIND, that
// each cluster deploys, by the cluster's name.
//
// Nothing of it is pruned: an AppProject that goes takes the permission of every
// Application in it along.
func Bootstrap(f *fleet.Fleet, kinds map[string][]string) (manifest.Files, error) {
	name := f.Spec.ArgoCD.Name
	objects := map[string]map[string]any{
		layout.AppOfApps:            appOfApps(f, name, layout.Root, "The Applications and sealed cluster Secrets of the virtual clusters"),
		"bootstrap.yaml":            appOfApps(f, name+fleet.BootstrapEnd, layout.Bootstrap, "What stands beside it: the app of apps and the AppProjects"),
		"project-" + name + ".yaml": ownProject(f),
	}
	for _, p := range f.Spec.ArgoCD.Projects {
		if p.Generated {
			objects["project-"+p.Name+".yaml"] = clusterProject(f, p.Name, kinds)
		}
	}
	files := manifest.Files{}
	for file, object := range objects {
		body, err := yaml.Marshal(object)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		files[path.Join(f.Dir, layout.Bootstrap, file)] = append(tree.Header(f.File), body...)
	}
	return files, nil
}

func metadata(f *fleet.Fleet, name string) map[string]any {
	return map[string]any{
		"name": name, "namespace": f.Spec.ArgoCD.Namespace,
		"labels":      map[string]any{managedBy: "kasou"},
		"annotations": map[string]any{SyncOptions: PruneGuard},
	}
}

// appOfApps returns the Application that deploys one of kasou's folders into
// Argo CD's own namespace.
func appOfApps(f *fleet.Fleet, name, folder, info string) map[string]any {
	meta := metadata(f, name)
	meta["annotations"] = map[string]any{compareOptions: "ServerSideDiff=true", SyncOptions: PruneGuard}
	return map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
		"metadata": meta,
		"spec": map[string]any{
			"project": f.Spec.ArgoCD.Name,
			"info":    []any{map[string]any{"name": "about", "value": info}},
			"source": map[string]any{
				"repoURL": f.Spec.Repository.URL, "targetRevision": f.Spec.Repository.Revision,
				"path": path.Join(f.Spec.Repository.Path, folder),
				// It makes the source a plain folder, whatever else a file in it, such
				// as one called Kustomization, would make of it.
				"directory": map[string]any{"include": "*.yaml"},
			},
			"destination": map[string]any{"server": fleet.DefaultDestination, "namespace": f.Spec.ArgoCD.Namespace},
			"syncPolicy": map[string]any{
				"automated":   map[string]any{"prune": true, "selfHeal": true},
				"retry":       retry(),
				"syncOptions": []any{"ServerSideApply=true"},
			},
		},
	}
}

// ownProject returns the AppProject of the app of apps. A plain Secret, or any
// other object than those that kasou writes, Argo CD itself refuses.
func ownProject(f *fleet.Fleet) map[string]any {
	return project(f, f.Spec.ArgoCD.Name, "The app of apps of the virtual clusters, written by kasou", map[string]any{
		"destinations": []any{map[string]any{"server": fleet.DefaultDestination, "namespace": f.Spec.ArgoCD.Namespace}},
		"namespaceResourceWhitelist": []any{
			map[string]any{"group": "argoproj.io", "kind": "AppProject"},
			map[string]any{"group": "argoproj.io", "kind": "Application"},
			map[string]any{"group": "bitnami.com", "kind": "SealedSecret"},
		},
	})
}

// literal writes the brackets of an IPv6 address for an AppProject, whose destinations are
// patterns (globMatch in app_project_types.go of Argo CD): without it one matches no server.
var literal = strings.NewReplacer("[", `\[`, "]", `\]`)

// clusterProject returns the AppProject of that name: this repository alone, the
// namespaces of its clusters and those that their specs allow, each on its host, and of the kinds without a namespace exactly those
// that they deploy.
func clusterProject(f *fleet.Fleet, name string, kinds map[string][]string) map[string]any {
	type place struct{ namespace, host string }
	places, scoped := map[place]bool{}, map[string]bool{}
	for _, c := range f.Clusters {
		if c.Spec.ArgoCD.Project != name {
			continue
		}
		places[place{c.Spec.Namespace, c.Spec.Host}] = true
		for _, a := range c.Spec.Allow {
			places[place{cmp.Or(a.Namespace, c.Spec.Namespace), c.Spec.Host}] = true
		}
		for _, kind := range kinds[c.Name] {
			scoped[kind] = true
		}
	}
	destinations, whitelist := []any{}, []any{}
	byName := func(a, b place) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.host, b.host))
	}
	for _, p := range slices.SortedFunc(maps.Keys(places), byName) {
		destination := f.Spec.DestinationOf(p.host).Fields()
		for field, text := range destination {
			destination[field] = literal.Replace(fmt.Sprint(text))
		}
		destination["namespace"] = p.namespace
		destinations = append(destinations, destination)
	}
	for _, kind := range slices.Sorted(maps.Keys(scoped)) {
		group, kind, found := strings.Cut(kind, "/")
		if !found {
			group, kind = "", group
		}
		whitelist = append(whitelist, map[string]any{"group": group, "kind": kind})
	}
	return project(f, name, "Virtual clusters, written by kasou", map[string]any{
		"destinations": destinations, "clusterResourceWhitelist": whitelist,
	})
}

func project(f *fleet.Fleet, name, description string, spec map[string]any) map[string]any {
	spec["description"] = description
	spec["sourceRepos"] = []any{f.Spec.Repository.URL}
	return map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject",
		"metadata": metadata(f, name), "spec": spec,
	}
}
