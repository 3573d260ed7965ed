package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kasou/pipelines/fleet"
)

// fileFlags take the name of a file or a folder, so that a shell offers these.
var fileFlags = []string{
	"against-folder", "certificate", "charts", "clusters", "hand-over", "join", "kubeconfig", "output-file", "path",
}

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

// oneFolder offers folders for the one argument of a command.
func oneFolder(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func hostsOf(s fleet.FleetSpec) []string   { return slices.Sorted(maps.Keys(s.Hosts)) }
func classesOf(s fleet.FleetSpec) []string { return slices.Sorted(maps.Keys(s.Classes)) }
func ringsOf(s fleet.FleetSpec) []string {
	names := make([]string, len(s.Rings))
	for i, r := range s.Rings {
		names[i] = r.Name
	}
	return names
}

func certificatesOf(s fleet.FleetSpec) []string {
	var files []string
	for _, c := range s.Certificates() {
		files = append(files, c.File)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// offer completes a flag of a command by a fixed set of values. It panics where the command
// has no such flag.
func offer(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(fmt.Sprintf("%s --%s: %v", c.CommandPath(), flag, err))
	}
}

// completeFlag offers names of fleet.yaml for a flag of a command. It panics where the
// command has no such flag.
func (f *flags) completeFlag(c *cobra.Command, flag string, known func(fleet.FleetSpec) []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		where, err := f.locate(c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		shared, _, err := fleet.Load(where.root, where.dir, fleet.SharedAlone())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return known(shared.Spec), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(fmt.Sprintf("%s --%s: %v", c.CommandPath(), flag, err))
	}
}
