package cli

import (
	"github.com/spf13/cobra"

	"kasou/pipelines"
)

func newCheck(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "check [NAME...]",
		Short: "Build in memory and fail where the files on disk differ",
		Long: `Build in memory and fail, with the difference, where the files on disk are not
what a build would write. It tells files that were edited by hand from files
that are stale. It writes nothing.`,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			return f.work(c, names, "checking", func(s *session) (pipelines.Pipeline, error) {
				s.options.Diff = true
				return pipelines.Check, nil
			})
		},
	}
}
