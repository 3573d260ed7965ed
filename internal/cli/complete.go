package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fileFlags take the name of a file or a folder, so that a shell offers these.
var fileFlags = []string{"clusters", "output-file", "certificate", "kubeconfig", "path"}

// completeFilesWhereWanted keeps a shell from offering files where no file is wanted: for
// arguments and for all flags but fileFlags, unless the command has its own completion.
func completeFilesWhereWanted(c *cobra.Command) {
	if c.ValidArgsFunction == nil && len(c.ValidArgs) == 0 {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, has := c.GetFlagCompletionFunc(f.Name); has || slices.Contains(fileFlags, f.Name) {
			return
		}
		if err := c.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions); err != nil {
			panic(fmt.Sprintf("%s: %v", c.CommandPath(), err)) // the flag is the command's own
		}
	})
	for _, sub := range c.Commands() {
		if sub.Name() != "completion" {
			completeFilesWhereWanted(sub)
		}
	}
}
