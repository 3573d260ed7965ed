package cli

import (
	"github.com/spf13/cobra"

	"kasou/pipelines"
)

func newValues(f *flags) *cobra.Command {
	var defaults bool
	c := &cobra.Command{
		Use:               "values NAME",
		Short:             "Print the effective values of a cluster",
		Args:              oneCluster,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := f.open(c, args)
			if err != nil {
				return err
			}
			defer s.close()
			text, findings, err := pipelines.Values(c.Context(), s.options, defaults)
			if err != nil {
				return asUsage(err)
			}
			if _, err := f.env.Stdout.Write(text); err != nil {
				return err
			}
			return s.complain(findings)
		},
	}
	c.Flags().BoolVar(&defaults, "defaults", false, "print the chart's own values instead (helm show values)")
	return c
}
