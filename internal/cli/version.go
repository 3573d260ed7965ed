package cli

import (
	"maps"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"kasou/pipelines/report"
	"kasou/pipelines/toolchain/embedded"
)

// version gives the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}

func newVersion(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of kasou and of the tools in it",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			tools := embedded.Versions(0)
			text := "kasou " + version() + "\n"
			for _, name := range slices.Sorted(maps.Keys(tools)) {
				text += name + " " + tools[name] + "\n"
			}
			versions := maps.Clone(tools)
			versions["kasou"] = version()
			return f.document(c, &report.Report{Command: "version", Versions: versions}, []byte(text))
		},
	}
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, got %s", c.CommandPath(), quoted(args))
	}
	return nil
}

func oneCluster(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s takes the name of one cluster", c.CommandPath())
	}
	return nil
}
