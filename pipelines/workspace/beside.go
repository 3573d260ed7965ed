package workspace

import (
	"context"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
)

// beside returns what is to be said of the repository's other fleets, up to three folders
// deep: environments/production/clusters is as deep. Folders that begin with a dot do not
// count.
func (w *Workspace) beside(ctx context.Context) (finding.List, error) {
	files, err := w.Git(ctx).Tracked(ctx, "*/"+layout.Fleet, "*/*/"+layout.Fleet, "*/*/*/"+layout.Fleet)
	files = slices.DeleteFunc(files, func(file string) bool { return strings.HasPrefix(file, ".") || strings.Contains(file, "/.") })
	return w.Fleet.Beside(w.repo.FS(), files), err
}
