package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kasou/docs"
)

func newExplain(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "explain RULE",
		Short: "Say what a rule means, with an example and its remedy",
		Long: `Print what docs/rules.md says of a rule: the name in brackets behind a finding.
Without a rule, list them all.`,
		Example: `  kasou explain plan-refused`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return docs.Rules(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				_, err := fmt.Fprintln(f.env.Stdout, strings.Join(docs.Rules(), "\n"))
				return err
			case 1:
				name := strings.Trim(args[0], "[]")
				text, known := docs.Rule(name)
				if !known {
					return usagef("there is no rule %q%s; kasou explain lists them", name, meant(name, docs.Rules()))
				}
				_, err := fmt.Fprint(f.env.Stdout, name+"\n\n"+text)
				return err
			}
			return usagef("%s takes one rule, got %s", c.CommandPath(), quoted(args))
		},
	}
}
