package cli

import (
	"context"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/report"
)

func newLock(f *flags) *cobra.Command {
	var upgrade, dryRun bool
	c := &cobra.Command{
		Use:   "lock [NAME...]",
		Short: "Pin the digests of charts; with --upgrade, move to newer versions",
		Long: `Pin, in each cluster's lock.yaml, the digest that its chart has now.

With --upgrade, show which charts have newer versions and move to the newest:
the version changes where it is written, in spec.yaml or in the defaults of
fleet.yaml. Run kasou build afterwards.`,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			s, err := f.open(c, names)
			if err != nil {
				return err
			}
			defer s.close()
			s.options.DryRun, s.options.Diff = dryRun, dryRun
			return s.run(c, "locking", func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
				return pipelines.Lock(ctx, o, upgrade)
			})
		},
	}
	c.Flags().BoolVar(&upgrade, "upgrade", false, "move to the newest version of each chart")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and write nothing")
	return c
}
