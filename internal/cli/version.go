package cli

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kasou/pipelines/toolchain/embedded"
)

// What a build says of itself by -ldflags -X, where Go does not know it: the repository
// that the program is from, such as github.com/OWNER/kasou, and its commit and version.
var source, commit, release string

// build is where a program comes from.
type build struct {
	// source is the repository, HOST/OWNER/NAME, and commit the full id; empty where they
	// are not known. version is a release's.
	source, commit, version string
	// modified: the source was not as the commit has it.
	modified bool
}

// thisBuild returns what is known of this program: as it was told, else as Go found it.
func thisBuild() build {
	b := build{source: source, commit: commit, version: release}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if first, _, _ := strings.Cut(info.Main.Path, "/"); b.source == "" && strings.Contains(first, ".") {
		b.source = info.Main.Path
	}
	if v := info.Main.Version; b.version == "" && v != "(devel)" {
		b.version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = cmp.Or(b.commit, s.Value)
		case "vcs.modified":
			b.modified = s.Value == "true"
		}
	}
	return b
}

// String returns the version, or the commit.
func (b build) String() string { return cmp.Or(b.version, b.commit, "devel") }

// id tells one build of kasou from another, as far as it knows.
func (b build) id() string {
	if b.modified {
		return b.commit + "+edited"
	}
	return cmp.Or(b.commit, b.version, "devel")
}

// action returns what a workflow's uses: takes, pinned; empty where the commit of a
// repository on GitHub is not known.
func (b build) action() string {
	at, ok := strings.CutPrefix(b.source, "github.com/")
	if !ok || b.modified || b.commit == "" {
		return ""
	}
	reference := at + "@" + b.commit
	if b.version != "" {
		reference += " # " + b.version
	}
	if !pinnedAction.MatchString(reference) {
		return ""
	}
	return reference
}

func version() string { return thisBuild().String() }

func newVersion(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of kasou, its commit, and the tools in it",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			fmt.Fprintf(f.env.Stdout, "kasou %s\n", b)
			if b.commit != "" {
				state := ""
				if b.modified {
					state = ", edited"
				}
				fmt.Fprintf(f.env.Stdout, "commit %s%s\n", b.commit, state)
			}
			if b.source != "" {
				fmt.Fprintf(f.env.Stdout, "source %s\n", b.source)
			}
			fmt.Fprintf(f.env.Stdout, "go %s %s/%s\n", strings.TrimPrefix(runtime.Version(), "go"), runtime.GOOS, runtime.GOARCH)
			tools := embedded.Versions(0)
			for _, name := range slices.Sorted(maps.Keys(tools)) {
				fmt.Fprintf(f.env.Stdout, "%s %s\n", name, tools[name])
			}
			return nil
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
