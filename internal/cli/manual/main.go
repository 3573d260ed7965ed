// Command manual writes kasou's man pages and shell completions into a folder, for a
// release: man/kasou.1 and the commands', completions/kasou.bash and its like. The date
// of the pages is SOURCE_DATE_EPOCH.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"kasou/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "manual: it takes the folder to write to")
		os.Exit(2)
	}
	if err := write(cli.Command(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func write(root *cobra.Command, dir string) error {
	for _, folder := range []string{"man", "completions"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return err
		}
	}
	root.DisableAutoGenTag = true
	root.PersistentFlags().Lookup("jobs").DefValue = "" // the number of this machine's processors
	if err := doc.GenManTree(root, &doc.GenManHeader{Title: "KASOU", Section: "1", Source: "kasou"}, filepath.Join(dir, "man")); err != nil {
		return err
	}
	for name, generate := range map[string]func(*bytes.Buffer) error{
		"kasou.bash": func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"_kasou":     func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"kasou.fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
		"kasou.ps1":  func(b *bytes.Buffer) error { return root.GenPowerShellCompletionWithDesc(b) },
	} {
		var b bytes.Buffer
		if err := generate(&b); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "completions", name), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
