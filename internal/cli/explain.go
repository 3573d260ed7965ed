package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"kasou/docs"
	"kasou/pipelines/finding"
	"kasou/pipelines/report"
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
				r := &report.Report{Command: "explain"}
				for _, name := range docs.Rules() {
					r.Rules = append(r.Rules, report.Rule{Name: finding.Rule(name)})
				}
				return f.document(c, r, []byte(strings.Join(docs.Rules(), "\n")+"\n"))
			case 1:
				name := strings.Trim(args[0], "[]")
				text, known := docs.Rule(name)
				if !known {
					return usagef("there is no rule %q%s; kasou explain lists them", name, meant(name, docs.Rules()))
				}
				r := &report.Report{Command: "explain", Rules: []report.Rule{{Name: finding.Rule(name), Text: text}}}
				return f.document(c, r, []byte(name+"\n\n"+text))
			}
			return usagef("%s takes one rule, got %s", c.CommandPath(), quoted(args))
		},
	}
}
