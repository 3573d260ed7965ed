package workspace

import (
	"context"

	"kasou/pipelines/finding"
)

// RuleNotCheckedOut: a sparse checkout leaves out a part of the clusters folder.
const RuleNotCheckedOut finding.Rule = "fleet-not-checked-out"

// checkedOut returns an error where git has files of the clusters folder that the working
// copy does not: a build would take their clusters for ones that were removed.
func checkedOut(ctx context.Context, w *Workspace) (finding.List, error) {
	missing, err := w.Git(ctx).NotCheckedOut(ctx, w.Dir)
	if err != nil || missing == "" {
		return nil, err
	}
	return finding.List{{
		File: missing, Rule: RuleNotCheckedOut, Severity: finding.Error,
		Message: "git has this file, and the sparse checkout leaves it out: the fleet is not whole",
		Hint:    "Run git sparse-checkout add " + w.Dir + ".",
	}}, nil
}
