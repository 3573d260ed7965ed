package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

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
		Long: `Write clusters/NAME/spec.yaml, with what the flags say and nothing that has a good
default. Then check it with the rest of the fleet.

--endpoint is the name under which the cluster's API server is reached. It becomes the
host of the way in that the fleet's defaults, or the class, describe: a gateway, a load
balancer or a node port; else of an Ingress. Where they have a host with {name} in it, it
is not needed.

--host is one of the hosts in fleet.yaml. A name with a dot in it is none of these, and is
taken for --endpoint.`,
		Example: `  kasou new staging
  kasou new staging --endpoint staging.example.com
  kasou new staging --host eu-1 --class small
  kasou new legacy --repository https://charts.loft.sh --chart vcluster --version 0.19.7`,
		Args:              oneCluster,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			wanted.Name = args[0]
			return f.newCluster(c, wanted)
		},
	}
	c.Flags().StringVar(&wanted.Endpoint, "endpoint", "", "DNS name, or address, of the cluster's API server")
	c.Flags().StringVar(&wanted.Host, "host", "", "host in fleet.yaml to run on; a DNS name is taken for --endpoint (default: that of the fleet's defaults)")
	c.Flags().StringVar(&wanted.Class, "class", "", "class in fleet.yaml (default: that of the fleet's defaults)")
	c.Flags().StringVar(&wanted.Namespace, "namespace", "", "namespace on the host cluster (default: the name)")
	c.Flags().StringVar(&wanted.Chart.Repository, "repository", "", "chart repository: https://… or oci://…")
	c.Flags().StringVar(&wanted.Chart.Name, "chart", "", "chart name in the repository")
	c.Flags().StringVar(&wanted.Chart.Version, "version", "", "chart version")
	c.Flags().StringVar(&wanted.Chart.Path, "path", "", "chart folder or .tgz, from the repo's root")
	f.completeFlag(c, "host", hostsOf)
	f.completeFlag(c, "class", classesOf)
	return c
}

// newCluster runs kasou new.
func (f *flags) newCluster(c *cobra.Command, wanted fleet.NewOptions) error {
	if strings.Contains(wanted.Host, ".") { // the hosts of a fleet are DNS labels
		if wanted.Endpoint != "" {
			return usagef("--host %q is a DNS name, and --endpoint is given, too: --host takes one of the hosts in fleet.yaml", wanted.Host)
		}
		wanted.Endpoint, wanted.Host = wanted.Host, ""
	}
	s, err := f.openNew(c)
	if err != nil {
		return err
	}
	defer s.close()
	r, err := pipelines.New(c.Context(), s.options, wanted)
	var invalid *fleet.NewSpecError
	switch {
	case errors.Is(err, fs.ErrExist):
		return usagef("%s is there already: edit it, or name another cluster", path.Join(s.dir, wanted.Name, layout.Spec))
	case errors.As(err, &invalid):
		return usageError{err}
	case err != nil:
		return err
	}
	if !r.Failed() {
		fmt.Fprintf(f.env.Stderr, "Next: kasou build %s\n", wanted.Name)
	}
	return s.print(r)
}
