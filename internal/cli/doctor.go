package cli

import (
	"github.com/spf13/cobra"

	"kasou/pipelines"
)

func newDoctor(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say whether everything is here that a build needs",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.work(c, nil, "looking", func(*session) (pipelines.Pipeline, error) { return pipelines.Doctor, nil })
		},
	}
}
