package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
)

// fromHost is what --certificate means without a value.
const fromHost = "host"

func newLock(f *flags) *cobra.Command {
	var l lockFlags
	c := &cobra.Command{
		Use:   "lock [NAME...]",
		Short: "Pin the digests of charts; with --upgrade, move to newer versions",
		Long: `Pin, in each cluster's lock.yaml, the digest that its chart has now. For editors, write
the JSON schema of the chart's values beside fleet.yaml, and its name into the first line
of the specs that have kasou's own there.

With --upgrade, first make the next hop to newer versions, as kasou upgrade does.
Run kasou build afterwards.

With --seal-key, make a new key to sign what is sealed with, and show it with its
public half; where KASOU_SEAL_KEY is set, show the public half of that one.

With --certificate, pin the sealing certificate instead: the one that the host's
Sealed Secrets controller has now, or that of a file or an https URL. In a fleet with
several, each is asked of its own host, and --into names one.`,
		Example: `  kasou lock --upgrade --dry-run
  kasou lock --certificate
  kasou lock --certificate sealed-secrets.pem
  kasou lock --certificate eu-1.pem --into eu-1.crt
  kasou lock --seal-key
  kasou lock --certificate=https://seal.example.com/v1/cert.pem`,
		ValidArgsFunction: f.completeClusters,
		RunE:              func(c *cobra.Command, names []string) error { return f.lock(c, names, l) },
	}
	c.Flags().BoolVar(&l.upgrade, "upgrade", false, "make the next hop to a newer version of each chart")
	c.Flags().StringVar(&l.certificate, "certificate", "", "pin the sealing certificate of the host, a file or an https URL")
	c.Flags().Lookup("certificate").NoOptDefVal = fromHost
	c.Flags().StringVar(&l.into, "into", "", "with --certificate: of the files that fleet.yaml names, pin this one; default: all that the controllers have")
	f.completeFlag(c, "into", certificatesOf)
	c.Flags().BoolVar(&l.sealKey, "seal-key", false, "make and show a key to sign what is sealed with")
	c.Flags().BoolVar(&l.dryRun, "dry-run", false, "show what would change and write nothing")
	return c
}

// lockFlags are those of lock alone.
type lockFlags struct {
	upgrade, dryRun, sealKey bool
	certificate, into        string
}

func (f *flags) lock(c *cobra.Command, names []string, l lockFlags) error {
	switch {
	case l.sealKey:
		return f.showSealKey(c, names, l.upgrade || l.certificate != "" || l.into != "" || l.dryRun)
	case l.into != "" && l.certificate == "":
		return usagef("--into is for --certificate")
	}
	source, names, err := certificateSource(f.env, l.certificate, names, l.upgrade)
	if err != nil {
		return err
	}
	return f.work(c, names, "locking", func(s *session) (pipelines.Pipeline, error) {
		s.options.DryRun, s.options.Diff = l.dryRun, l.dryRun
		if l.certificate == "" {
			return with(pipelines.Lock, l.upgrade), nil
		}
		return func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
			return pipelines.LockCertificate(ctx, o, source, l.into)
		}, nil
	})
}

// certificateSource takes the source for --certificate, which may stand behind
// it as an argument; empty is the host. Without the flag the arguments are
// names.
func certificateSource(e Env, certificate string, args []string, upgrade bool) (source string, names []string, err error) {
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
	if !strings.Contains(source, "://") {
		source = e.path(source)
	}
	return source, nil, nil
}

// showSealKey prints a new KASOU_SEAL_KEY and its public half, or the public half
// of the one that is set. It writes no file: where the key is to be kept, nobody
// but a person knows.
func (f *flags) showSealKey(c *cobra.Command, names []string, others bool) error {
	if len(names) > 0 || others {
		return usagef("--seal-key is of the fleet: it takes no names and no other flag")
	}
	if f.output != "text" {
		return usagef("--seal-key prints text")
	}
	value := f.env.Getenv(seal.KeyEnv)
	var out strings.Builder
	if value == "" {
		made, err := seal.NewKey()
		if err != nil {
			return err
		}
		value = made
		fmt.Fprintf(&out, "# Keep it where CI keeps its secrets, bound to the branch that builds, and\n# nowhere in git. Whoever has it can sign registrations.\n%s=%s\n\n", seal.KeyEnv, value)
	}
	key, err := seal.ParseKey(value)
	if err != nil {
		return usageError{err}
	}
	fmt.Fprintf(&out, "# Into spec.sealing of fleet.yaml.\npublicKey: %s\n", key.Public())
	if _, err := c.OutOrStdout().Write([]byte(out.String())); err != nil {
		return fmt.Errorf("writing the key: %w", err)
	}
	return nil
}
