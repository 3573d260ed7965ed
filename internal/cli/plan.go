package cli

import (
	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/toolchain"
)

func newPlan(f *flags) *cobra.Command {
	var against, folder string
	var helm int
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
  kasou plan staging --against origin/main
  kasou plan --helm 4`,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			if helm != 0 && helm != 3 && helm != 4 {
				return usagef("--helm is 3 or 4, not %d", helm)
			}
			return f.work(c, names, "planning", func(s *session) (pipelines.Pipeline, error) {
				s.options.Against, s.options.AgainstFolder, s.options.Helm = against, folder, toolchain.HelmMajor(helm)
				return pipelines.Plan, nil
			})
		},
	}
	c.Flags().StringVar(&against, "against", "", "compare with the commit that HEAD has in common with this `REF`; default: HEAD")
	c.Flags().StringVar(&folder, "against-folder", "", "compare with the checkout in this `FOLDER`, for where there is no git")
	c.MarkFlagsMutuallyExclusive("against", "against-folder")
	c.Flags().IntVar(&helm, "helm", 0, "render with this `MAJOR` version of Helm, 3 or 4; default: fleet.yaml's")
	offer(c, "helm", "3", "4")
	return c
}
