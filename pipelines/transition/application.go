package transition

import (
	"fmt"
	"strings"
)

// Application is what Argo CD is told about a cluster beside its objects.
type Application struct {
	// Home is the namespace that it stands in, which is Argo CD's own.
	Home string
	// Repository, Revision and Path are what it reads the manifests from.
	Repository, Revision, Path string
	// Project is the AppProject, which says what may be deployed.
	Project string
	// Manual: nothing is synced until a person asks for it.
	Manual bool
	// Guarded: the Application is not pruned.
	Guarded bool
}

// applicationChanges returns what changes in how Argo CD deploys the cluster. A side
// without an Application, as of a commit that lacks the file, says nothing.
func applicationChanges(before, after Side) []Change {
	was, now := before.Application, after.Application
	if was.Repository == "" || now.Repository == "" {
		return nil
	}
	var all []Change
	if from, to := was.source(), now.source(); from != to {
		all = append(all, Change{
			Effect: SourceMoves, From: from, To: to, About: ByRepository,
			Message: fmt.Sprintf("Argo CD no longer reads %s, but %s: what stands there, this check has not seen", from, to),
			Hint:    "Look at what is there, and who can write to it.",
		})
	}
	if was.Home != now.Home {
		all = append(all, Change{
			Effect: Unguarded, From: was.Home, To: now.Home, About: ByArgoCDNamespace,
			Message: fmt.Sprintf("the Application is made anew in the namespace %s: the one in %s stays, and both deploy the cluster", now.Home, was.Home),
			Hint:    "Delete the one that stays without its objects: argocd app delete --cascade=false.",
		})
	}
	if was.Project != now.Project {
		all = append(all, Change{
			Effect: Unguarded, From: was.Project, To: now.Project, About: ByArgoCD,
			Message: fmt.Sprintf("the AppProject is %s, and no longer %s: it says what Argo CD lets through", now.Project, was.Project),
		})
	}
	if !before.Cascade && after.Cascade {
		all = append(all, Change{
			Effect: Unguarded, From: "orphan", To: "cascade", About: ByArgoCD,
			Message: "from now on, whoever deletes the Application deletes the cluster and its data",
		})
	}
	if was.Guarded && !now.Guarded {
		all = append(all, Change{
			Effect: Unguarded, About: ByRetire,
			Message: "the guard of the Application goes: Argo CD prunes it once git does not have it any more",
		})
	}
	if was.Manual != now.Manual {
		message := "from now on, Argo CD syncs every change without a person, and undoes what is changed by hand"
		if now.Manual {
			message = "from now on, no change reaches the host until a person syncs it"
		}
		all = append(all, Change{Effect: Ignored, About: ByArgoCD, Message: message})
	}
	return all
}

// source returns REPOSITORY at REVISION, PATH.
func (a Application) source() string {
	return strings.Join([]string{a.Repository, "at", a.Revision + ",", a.Path}, " ")
}
