package cli

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/report"
)

// fromHost is what --certificate means without a value.
const fromHost = "host"

func newLock(f *flags) *cobra.Command {
	var upgrade, dryRun bool
	var certificate string
	c := &cobra.Command{
		Use:   "lock [NAME...]",
		Short: "Pin the digests of charts; with --upgrade, move to newer versions",
		Long: `Pin, in each cluster's lock.yaml, the digest that its chart has now.

With --upgrade, show which charts have newer versions and move to the newest:
the version changes where it is written, in spec.yaml or in the defaults of
fleet.yaml. Run kasou build afterwards.

With --certificate, pin the sealing certificate instead: the one that the host's
Sealed Secrets controller has now, or that of a file or an https URL.`,
		Example: `  kasou lock --upgrade --dry-run
  kasou lock --certificate
  kasou lock --certificate sealed-secrets.pem
  kasou lock --certificate=https://seal.example.com/v1/cert.pem`,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, names []string) error {
			source, names, err := f.certificateSource(certificate, names, upgrade)
			if err != nil {
				return err
			}
			s, err := f.open(c, names)
			if err != nil {
				return err
			}
			defer s.close()
			s.options.DryRun, s.options.Diff = dryRun, dryRun
			return s.run(c, "locking", func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
				if certificate != "" {
					return pipelines.LockCertificate(ctx, o, source)
				}
				return pipelines.Lock(ctx, o, upgrade)
			})
		},
	}
	c.Flags().BoolVar(&upgrade, "upgrade", false, "move to the newest version of each chart")
	c.Flags().StringVar(&certificate, "certificate", "", "pin the sealing certificate of the host, a file or an https URL")
	c.Flags().Lookup("certificate").NoOptDefVal = fromHost
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and write nothing")
	return c
}

// certificateSource takes the source for --certificate, which may stand behind
// it as an argument; empty is the host. Without the flag the arguments are
// names.
func (f *flags) certificateSource(certificate string, args []string, upgrade bool) (source string, names []string, err error) {
	switch {
	case certificate == "":
		return "", args, nil
	case upgrade:
		return "", nil, usagef("--certificate is of the fleet, --upgrade of charts: one at a time")
	case len(args) > 1, len(args) == 1 && certificate != fromHost:
		return "", nil, usagef("--certificate takes one file or https URL, and no names: the certificate is of the whole fleet")
	case len(args) == 1:
		source = args[0]
	case certificate != fromHost:
		source = certificate
	default:
		return "", nil, nil
	}
	if !strings.Contains(source, "://") && !filepath.IsAbs(source) {
		source = filepath.Join(f.env.Dir, source)
	}
	return source, nil, nil
}
