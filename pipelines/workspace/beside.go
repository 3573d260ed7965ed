package workspace

import (
	"context"
	"path"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/history"
	"kasou/pipelines/layout"
)

const (
	// RuleLink: a symbolic link leads out of the repository.
	RuleLink finding.Rule = "fleet-link"
	// RuleSubmodule: git does not know where a submodule of the repository comes from.
	RuleSubmodule finding.Rule = "fleet-submodule"
)

// beside returns what is to be said of the repository beside the fleet, as far as git has
// it: other fleets, and what keeps Argo CD from reading it at all.
func beside(ctx context.Context, w *Workspace) (finding.List, error) {
	git, dir := w.Git(ctx), history.Literal(w.Dir)
	// What else is among the generated files is found by others.
	entries, err := git.Entries(ctx, dir+"/*/"+layout.Manifests+"/**", dir+"/"+layout.Root+"/**")
	if err != nil {
		return nil, err
	}
	var findings finding.List
	var fleets []string
	modules := false
	for _, e := range entries {
		switch {
		case e.Link:
			if target, err := w.repo.Readlink(e.Path); err == nil && leadsOut(e.Path, target) {
				findings = append(findings, finding.Finding{File: e.Path, Rule: RuleLink, Severity: finding.Warning,
					Message: "the symbolic link leads out of the repository, to " + target + ": Argo CD makes nothing of a repository that has one",
					Hint:    "Remove it, unless reposerver.allow.oob.symlinks is set in Argo CD."})
			}
		case e.Module:
			modules = true
		case path.Base(e.Path) == layout.Fleet && isBeside(e.Path):
			fleets = append(fleets, e.Path)
		}
	}
	if modules && w.Committed(".gitmodules") != nil {
		if said := git.Submodules(ctx); said != "" {
			findings = append(findings, finding.Finding{File: ".gitmodules", Rule: RuleSubmodule, Severity: finding.Warning,
				Message: "git does not know all submodules, and Argo CD fetches nothing of such a repository: " + said,
				Hint:    "Add the submodule by git submodule add, or take it out by git rm --cached."})
		}
	}
	return append(findings, w.Fleet.Beside(w.repo.FS(), fleets)...), nil
}

// isBeside reports whether a fleet.yaml is one to be looked at: up to three folders deep, as
// environments/production/clusters is, and below none that begins with a dot.
func isBeside(file string) bool {
	return strings.Count(file, "/") <= 3 && !strings.HasPrefix(file, ".") && !strings.Contains(file, "/.")
}

// leadsOut reports whether Argo CD takes the link p, from the repository's root, for one that
// leads out of it (CheckOutOfBoundsSymlinks in util/app/path of Argo CD 3.5): by an absolute
// path, or by one that is outside somewhere on the way.
func leadsOut(p, target string) bool {
	if path.IsAbs(target) {
		return true
	}
	at := path.Dir(p)
	for part := range strings.SplitSeq(target, "/") {
		if at = path.Join(at, part); at == ".." || strings.HasPrefix(at, "../") {
			return true
		}
	}
	return false
}
