package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/report"
)

func newDrift(f *flags) *cobra.Command {
	var within time.Duration
	var repair, live bool
	c := &cobra.Command{
		Use:   "drift [NAME...]",
		Short: "Find what is no longer true: files, charts, tools, credentials, the host",
		Long: `Find what is no longer true of each cluster: files that were edited, are missing,
stale or unknown; charts that moved under their version or have newer ones; tools
that are not those the fleet was built with; a sealing certificate or credentials
that end soon; sealed values that are too old or were tampered with. With --live,
the host cluster is asked, too: for every object in git, by a dry run that stores
nothing; for its service range, its sealing certificate, the credentials it has
today; and each registered cluster, whether it answers.

What cannot be found out, because a repository or the host does not answer, is
reported as unknown. Drift makes the exit code 1; where there is none and something is
unknown, it is 3.`,
		Example: `  kasou drift
  kasou drift --live --host-context production
  kasou drift --within 336h --output html --output-file drift.html
  kasou drift --repair`,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			if within <= 0 {
				return usagef("--within %s: it takes a duration such as 720h", within)
			}
			s, err := f.open(c, names)
			if err != nil {
				return err
			}
			defer s.close()
			s.options.Color = colors(f.env, f.env.Stdout) && f.output == "text"
			return s.run(c, "looking", func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
				return pipelines.Drift(ctx, o, pipelines.DriftOptions{Within: within, Repair: repair, Live: live})
			})
		},
	}
	c.Flags().DurationVar(&within, "within", pipelines.DriftWithin, "how long before its end a credential or certificate counts as drift")
	c.Flags().BoolVar(&live, "live", false, "compare with the host cluster, too")
	c.Flags().BoolVar(&repair, "repair", false, "build where that repairs what was found; nothing else is repaired")
	return c
}
