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
			s, err := f.open(c, nil)
			if err != nil {
				return err
			}
			defer s.close()
			return s.run(c, "looking", pipelines.Doctor)
		},
	}
}
