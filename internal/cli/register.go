package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/finding"
)

// maxKubeconfig bounds what is read as a kubeconfig, in bytes.
const maxKubeconfig = 1 << 20

func newRegister(f *flags) *cobra.Command {
	var kubeconfig string
	var reseal, dryRun, newIdentity bool
	c := &cobra.Command{
		Use:   "register [NAME...]",
		Short: "Seal each cluster's credential into its Argo CD cluster Secret",
		Long: `Take each cluster's kubeconfig from its host, check it, and seal the
credential in it into clusters/root/NAME.cluster.yaml, by which Argo CD knows
the cluster. Where nothing has changed, nothing is written. A cluster that has
not booted yet is left for the next time.`,
		Example: `  kasou register
  kasou register development --kubeconfig kubeconfig.yaml
  vcluster connect development --print | kasou register development --kubeconfig -`,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			return f.work(c, names, "registering", func(s *session) (pipelines.Pipeline, error) {
				s.options.DryRun, s.options.Diff = dryRun, dryRun
				from, err := s.registration(names, kubeconfig)
				from.Reseal, from.AcceptNewIdentity = reseal, newIdentity
				return with(pipelines.Register, from), err
			})
		},
	}
	c.Flags().StringVar(&kubeconfig, "kubeconfig", "", "the cluster's kubeconfig, - for stdin; default: ask the host cluster")
	c.Flags().BoolVar(&reseal, "reseal", false, "seal anew what has not changed, too")
	c.Flags().BoolVar(&newIdentity, "accept-new-identity", false, "take a kubeconfig with another CA, or of another server, than the registered one")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and write nothing")
	return c
}

// registration says where the kubeconfigs come from: a file for one cluster, or
// each cluster's host.
func (s *session) registration(names []string, kubeconfig string) (pipelines.Registration, error) {
	if kubeconfig == "" {
		return pipelines.Registration{}, nil
	}
	if len(names) != 1 {
		return pipelines.Registration{}, usagef("--kubeconfig is of one cluster: name it")
	}
	if kubeconfig == "-" {
		data, err := readKubeconfig(s.env.Stdin)
		return pipelines.Registration{Kubeconfig: data, From: "standard input"}, err
	}
	file, err := os.Open(s.env.path(kubeconfig))
	if err != nil {
		return pipelines.Registration{}, usagef("--kubeconfig %s: %w", kubeconfig, finding.Cause(err))
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return pipelines.Registration{}, usagef("--kubeconfig %s: it is a folder", kubeconfig)
	}
	data, err := readKubeconfig(file)
	return pipelines.Registration{Kubeconfig: data, From: kubeconfig}, err
}

func readKubeconfig(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKubeconfig+1))
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	if len(data) > maxKubeconfig {
		return nil, usagef("the kubeconfig is larger than 1 MiB")
	}
	return data, nil
}
