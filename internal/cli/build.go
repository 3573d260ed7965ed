package cli

import (
	"github.com/spf13/cobra"

	"kasou/pipelines"
)

func newBuild(f *flags) *cobra.Command {
	var dryRun, allowPrune, noCache bool
	c := &cobra.Command{
		Use:   "build [NAME...]",
		Short: "Render, seal and validate clusters, and write what Argo CD deploys",
		Example: `  kasou build
  kasou build development --dry-run`,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			return f.work(c, names, "building", func(s *session) (pipelines.Pipeline, error) {
				s.options.AllowPrune, s.options.NoCache = allowPrune, noCache
				s.options.DryRun, s.options.Diff = dryRun, dryRun
				return pipelines.Build, nil
			})
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and write nothing")
	c.Flags().BoolVar(&noCache, "no-cache", false, "build every cluster in full, also those that have not changed")
	c.Flags().BoolVar(&allowPrune, "allow-prune", false, "allow the files of more than one cluster to be removed")
	return c
}
