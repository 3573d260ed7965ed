package drift

import (
	"context"

	"kasou/pipelines/finding"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// dated are the rules about one file that somebody changed.
var dated = map[finding.Rule]bool{
	tree.RuleHandEdit: true, tree.RuleMissing: true, tree.RuleUnknownFile: true,
	register.RuleRegistrationEdited: true, register.RuleRegistrationMissing: true,
}

func (w *watch) since(ctx context.Context, row *report.Row) {
	if row.Since == "" && row.File != "" && dated[row.Rule] {
		row.Since = w.git.Changed(ctx, row.File)
	}
}
