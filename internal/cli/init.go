package cli

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/report"
)

func newInit(f *flags) *cobra.Command {
	var b pipelines.Beginning
	c := &cobra.Command{
		Use:   "init",
		Short: "Write the first files of a fleet's repository, and say what is left to do",
		Long: `Write what a fleet's repository begins with: fleet.yaml, from the git remote; the
JSON schemas for editors; .gitattributes; workflows for GitHub Actions; the app of apps
and the AppProjects that Argo CD is begun with.

It asks nothing and overwrites nothing, so it may be run again. It says what is left to
do, in order. With --live it asks the host cluster for its version, its service range
and its sealing certificate; where KASOU_SEAL_KEY is set, fleet.yaml gets its public
half.`,
		Example: `  kasou init
  kasou init --live
  kasou init --url https://github.com/OWNER/platform.git --certificate sealed-secrets.pem`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.begin(c, b) },
	}
	c.Flags().StringVar(&b.URL, "url", "", "git repository that Argo CD reads (default: the git remote)")
	c.Flags().StringVar(&b.Branch, "branch", "", "branch that Argo CD follows (default: the remote's, else the one checked out)")
	c.Flags().StringVar(&b.KubernetesVersion, "kubernetes-version", "", "Kubernetes version of the host")
	c.Flags().StringVar(&b.ServiceCIDR, "service-cidr", "", "service range of the host, which charts up to 0.19 need")
	c.Flags().StringVar(&b.Certificate, "certificate", "", "sealing certificate: a file or an https URL")
	c.Flags().BoolVar(&b.Live, "live", false, "ask the host cluster for what is not given")
	c.Flags().StringVar(&b.Action, "action", "", "kasou's action for the workflows, OWNER/REPOSITORY@COMMIT; default: the place this program is from; none: no workflows")
	return c
}

// begin runs kasou init.
func (f *flags) begin(c *cobra.Command, b pipelines.Beginning) error {
	var err error
	if b.Action, err = actionReference(b.Action); err != nil {
		return err
	}
	s, err := f.openNew(c)
	if err != nil {
		return err
	}
	defer s.close()
	if b.Certificate != "" && !strings.Contains(b.Certificate, "://") {
		b.Certificate = s.env.path(b.Certificate)
	}
	return s.run(c, "beginning", func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
		r, err := pipelines.Init(ctx, o, b)
		if _, ok := errors.AsType[*pipelines.NoRemoteError](err); ok {
			err = usageError{err}
		}
		return r, err
	})
}

var pinnedAction = regexp.MustCompile(`^[A-Za-z0-9-]+/[A-Za-z0-9._-]+@[0-9a-f]{40}( # v[0-9][0-9A-Za-z.+-]*)?$`)

// actionReference returns what workflows are to use: as given, else where this program
// is from; empty where that is not known, or where none is wanted.
func actionReference(given string) (string, error) {
	switch {
	case given == "none":
		return "", nil
	case given == "":
		return thisBuild().action(), nil
	case !pinnedAction.MatchString(given):
		return "", usagef("--action %q: it takes OWNER/REPOSITORY@COMMIT, with all 40 digits of the commit", given)
	}
	return given, nil
}
