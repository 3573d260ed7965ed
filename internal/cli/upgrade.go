package cli

import (
	"context"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/report"
)

func newUpgrade(f *flags) *cobra.Command {
	var u pipelines.UpgradeOptions
	var dryRun bool
	c := &cobra.Command{
		Use:   "upgrade [NAME...]",
		Short: "Move clusters to the next safe version of their charts",
		Long: `Write the next hop of each cluster's chart into the file that names its version,
and say what comes after it. A hop leads from the version that is committed to the
newest patch of the next minor, never further: vcluster supports one minor at a
time, and some steps not at all. Run kasou plan and kasou build afterwards, merge,
and run it again for the next hop.

Where fleet.yaml has rings, a ring moves once every cluster of the ring before has
been on the version for as long as it soaks, by git's dates; with --live, also only
while the host says nothing against those. Clusters that are named move in any case.`,
		Example: `  kasou upgrade --dry-run
  kasou upgrade staging --to 0.30.4
  kasou upgrade --ring canary`,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			if u.Ring != "" && len(names) > 0 {
				return usagef("--ring is for the clusters of a ring: leave out the names, or --ring")
			}
			return f.work(c, names, "upgrading", func(s *session) (pipelines.Pipeline, error) {
				s.options.DryRun, s.options.Diff = dryRun, true
				return func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
					r, err := pipelines.Upgrade(ctx, o, u)
					if err == nil && !dryRun {
						r.FleetDiff = "" // the files' names say enough
					}
					return r, err
				}, nil
			})
		},
	}
	c.Flags().StringVar(&u.To, "to", "", "go no further than this `VERSION`; default: the newest")
	c.Flags().StringVar(&u.Ring, "ring", "", "move the clusters of this `RING` of fleet.yaml alone")
	f.completeFlag(c, "ring", ringsOf)
	c.Flags().BoolVar(&u.Live, "live", false, "ask the host whether the ring before is healthy")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and write nothing")
	return c
}
