package transition

import "fmt"

// Application is what Argo CD is told of a cluster beside its objects.
type Application struct {
	// Namespace that the Application itself is in, its AppProject, and Source, the
	// repository, revision and path that it reads; empty where they are not known.
	Namespace, Project, Source string
	// Cascade: what it deployed is deleted with it.
	Cascade bool
	// Guarded: nothing prunes it, and its deletion asks.
	Guarded bool
	// Automated: it is synced without a person.
	Automated bool
}

// applicationChanges: how Argo CD deploys the cluster becomes another way. A side without
// an Application, as of a commit that lacks the file, says nothing.
func applicationChanges(cluster string, was, now Application) []Change {
	if was.Source == "" || now.Source == "" {
		return nil
	}
	var all []Change
	add := func(effect Effect, about Cause, from, to, message, hint string) {
		all = append(all, Change{Effect: effect, From: from, To: to, Message: message, Hint: hint, About: about})
	}
	if was.Source != now.Source {
		add(SourceMoves, ByRepository, was.Source, now.Source, fmt.Sprintf("Argo CD reads %s in place of %s: what stands there, this check has not seen", now.Source, was.Source),
			"Look at what is there, and who can write to it.")
	}
	if was.Namespace != now.Namespace {
		add(StillRuns, ByArgoCDNamespace, was.Namespace, now.Namespace, fmt.Sprintf("the Application moves to namespace %s: the one in %s stays, and both sync the same objects", now.Namespace, was.Namespace),
			"Apply clusters/bootstrap in the new namespace, and delete the Application before by kubectl delete with --cascade=orphan.")
	}
	if was.Project != now.Project {
		add(Unguarded, ByArgoCD, was.Project, now.Project, fmt.Sprintf("the AppProject becomes %s in place of %s: it says what Argo CD lets through, and has to allow what the cluster deploys", now.Project, was.Project), "")
	}
	if now.Cascade && !was.Cascade {
		add(Unguarded, ByArgoCD, "orphan", "cascade", "deletion: cascade: from now on the virtual cluster and its data are deleted with its Application", "")
	}
	if was.Guarded && !now.Guarded {
		message := "it retires: once its spec is gone, Argo CD prunes the Application, and the virtual cluster runs on"
		if now.Cascade {
			message = "it retires: once its spec is gone, Argo CD prunes the Application, and deletes the virtual cluster with its data"
		}
		add(Unguarded, ByRetire, "", "", message, "Run kasou retire "+cluster+" to see what is left to do.")
	}
	if was.Automated && !now.Automated {
		add(Ignored, ByArgoCD, "", "", "Argo CD no longer syncs it without a person, this change included", "")
	}
	if !was.Automated && now.Automated {
		add(Applied, ByArgoCD, "", "", "Argo CD syncs it without a person from now on, and undoes what is changed by hand", "")
	}
	return all
}
