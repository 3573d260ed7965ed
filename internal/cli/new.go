package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
)

func newNew(f *flags) *cobra.Command {
	var wanted fleet.NewOptions
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Write the spec.yaml of a new cluster",
		Example: `  kasou new staging --host staging.example.com
  kasou new legacy --repository https://charts.loft.sh --chart vcluster --version 0.19.7`,
		Args:              oneCluster,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := f.openNew(c)
			if err != nil {
				return err
			}
			defer s.close()
			wanted.Name = args[0]
			r, err := pipelines.New(c.Context(), s.options, wanted)
			var invalid *fleet.NewSpecError
			switch {
			case errors.Is(err, fs.ErrExist):
				return usagef("%s is there already", path.Join(s.dir, wanted.Name, layout.Spec))
			case errors.As(err, &invalid):
				return usageError{err}
			case err != nil:
				return err
			}
			if !r.Failed() {
				fmt.Fprintf(f.env.Stderr, "Next: kasou build %s\n", wanted.Name)
			}
			return s.print(r)
		},
	}
	c.Flags().StringVar(&wanted.Host, "host", "", "DNS name of an ingress to the cluster's API server")
	c.Flags().StringVar(&wanted.Namespace, "namespace", "", "namespace on the host cluster (default: the name)")
	c.Flags().StringVar(&wanted.Chart.Repository, "repository", "", "chart repository: https://… or oci://…")
	c.Flags().StringVar(&wanted.Chart.Name, "chart", "", "chart name in the repository")
	c.Flags().StringVar(&wanted.Chart.Version, "version", "", "chart version")
	c.Flags().StringVar(&wanted.Chart.Path, "path", "", "chart folder or .tgz, from the repo's root")
	return c
}
