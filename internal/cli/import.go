package cli

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"kasou/pipelines"
)

func newImport(f *flags) *cobra.Command {
	var charts, host string
	var dryRun bool
	c := &cobra.Command{
		Use:   "import FOLDER",
		Short: "Make specs of a tree that was made by hand",
		Long: `Write a spec.yaml for each virtual cluster in a folder that holds what helm template
wrote, a values file, an Argo CD Application and a sealed cluster Secret, under whatever
names. Then report what the build will write otherwise than it stands there.

In a fleet with several hosts, --host is the one that the clusters of the folder are on.

It removes and overwrites nothing, and says what is left to do, in order.`,
		Example: `  kasou import old/ --dry-run
  kasou import . --charts charts`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s takes one folder", c.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: oneFolder,
		RunE: func(c *cobra.Command, args []string) error {
			return f.work(c, nil, "importing", func(s *session) (_ pipelines.Pipeline, err error) {
				i := pipelines.Import{Host: host}
				if i.From, err = s.below(args[0]); err == nil && charts != "" {
					i.ChartArchives, err = s.below(charts)
				}
				s.options.DryRun = dryRun
				return with(pipelines.ImportTree, i), err
			})
		},
	}
	c.Flags().StringVar(&charts, "charts", "", "folder in the repo with archives NAME-VERSION.tgz or charts NAME, taken in place of the chart's repository")
	c.Flags().StringVar(&host, "host", "", "host in fleet.yaml that the clusters run on (default: that of the fleet's defaults)")
	f.completeFlag(c, "host", hostsOf)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "report and write nothing")
	return c
}

// below returns a folder that was named on the command line by its path from the repo's
// root, slash-separated.
func (s *session) below(name string) (string, error) {
	full, err := filepath.EvalSymlinks(s.env.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", usagef("there is no folder %q", name)
	}
	if err != nil {
		return "", usageError{err}
	}
	if err := isFolder(full, name); err != nil {
		return "", usagef("%q is not a folder", name)
	}
	rel, err := filepath.Rel(s.root, full)
	if err != nil || !filepath.IsLocal(rel) {
		return "", usagef("%q is not in the repository %s", name, s.root)
	}
	return filepath.ToSlash(rel), nil
}
