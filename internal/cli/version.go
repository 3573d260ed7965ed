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

	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
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
		RunE: func(c *cobra.Command, _ []string) error {
			b := thisBuild()
			tools := embedded.Versions(0)
			tools["helm4"] = embedded.Versions(toolchain.Helm4)["helm"]
			versions := maps.Clone(tools)
			versions["kasou"], versions["go"] = b.String(), strings.TrimPrefix(runtime.Version(), "go")
			text := fmt.Sprintf("kasou %s\n", b)
			if b.commit != "" {
				state := ""
				if b.modified {
					state = ", edited"
				}
				text += fmt.Sprintf("commit %s%s\n", b.commit, state)
				versions["commit"] = b.id()
			}
			if b.source != "" {
				text += "source " + b.source + "\n"
			}
			text += fmt.Sprintf("go %s %s/%s\n", versions["go"], runtime.GOOS, runtime.GOARCH)
			for _, name := range slices.Sorted(maps.Keys(tools)) {
				text += name + " " + tools[name] + "\n"
			}
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
