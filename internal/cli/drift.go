package cli

import (
	"time"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/drift"
	"kasou/pipelines/fleet"
)

func newDrift(f *flags) *cobra.Command {
	var d driftFlags
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
			if err := d.check(); err != nil {
				return err
			}
			return f.work(c, names, "looking", func(*session) (pipelines.Pipeline, error) { return with(pipelines.Drift, d.options()), nil })
		},
	}
	d.flags(c, "")
	return c
}

// driftFlags are those of drift, here and in CI.
type driftFlags struct {
	within       fleet.Duration
	live, repair bool
}

// flags adds the flags to a command; what they say begins with of.
func (d *driftFlags) flags(c *cobra.Command, of string) {
	d.within = fleet.Duration(drift.DefaultWithin)
	c.Flags().Var(&d.within, "within", of+"how long before its end a credential or certificate counts")
	c.Flags().BoolVar(&d.live, "live", false, of+"compare with the host cluster, too")
	c.Flags().BoolVar(&d.repair, "repair", false, of+"build where that repairs what was found, and with --live register; nothing else is repaired")
}

func (d *driftFlags) check() error {
	if d.within <= 0 {
		return usagef("--within %s: it takes a duration such as 30d", d.within.String())
	}
	return nil
}

func (d *driftFlags) options() pipelines.DriftOptions {
	return pipelines.DriftOptions{Within: time.Duration(d.within), Live: d.live, Repair: d.repair}
}
