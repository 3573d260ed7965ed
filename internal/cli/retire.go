package cli

import (
	"context"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/report"
)

func newRetire(f *flags) *cobra.Command {
	var live, dryRun bool
	c := &cobra.Command{
		Use:   "retire NAME",
		Short: "Lead a cluster out of the fleet, one step at a time",
		Long: `Write retire: true into the cluster's spec, and say what is left to do, in
order: the Applications that deploy into the virtual cluster, then the virtual
cluster, then its cluster Secret. Run it again after each step. It deletes
nothing; with --live it also looks at the host cluster, and changes nothing
there.`,
		Example: `  kasou retire staging
  kasou retire staging --live`,
		Args:              oneCluster,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			return f.work(c, nil, "looking", func(s *session) (pipelines.Pipeline, error) {
				s.options.DryRun, s.options.Diff = dryRun, dryRun
				return func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
					return pipelines.Retire(ctx, o, names[0], live)
				}, nil
			})
		},
	}
	c.Flags().BoolVar(&live, "live", false, "look at the host cluster, too")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what is left and write nothing")
	return c
}
