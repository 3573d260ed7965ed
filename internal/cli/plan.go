package cli

import (
	"github.com/spf13/cobra"

	"kasou/pipelines"
)

func newPlan(f *flags) *cobra.Command {
	var against string
	c := &cobra.Command{
		Use:   "plan [NAME...]",
		Short: "Say what a change does to the clusters that run",
		Long: `Compare what is committed with what the specs want, and say for each cluster what
the step does: nothing, applied in place, a restart of the control plane, objects
that stay behind, another Kubernetes version, a credential that goes stale; or
refused by the API server or by vcluster, another, empty cluster, data that is
lost. The last of these are errors of build and check until spec.accept names
exactly that step. Nothing is written.`,
		Example: `  kasou plan
  kasou plan staging --against origin/main`,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			s, err := f.open(c, names)
			if err != nil {
				return err
			}
			defer s.close()
			s.options.Against = against
			return s.run(c, "planning", pipelines.Plan)
		},
	}
	c.Flags().StringVar(&against, "against", "", "compare with the commit that HEAD has in common with this `REF`; default: HEAD")
	return c
}
