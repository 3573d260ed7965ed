package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kasou/pipelines/fleet"
)

// meant returns ", did you mean X?" for the name that was most likely meant, or
// nothing.
func meant(name string, known []string) string {
	if near := fleet.Nearest(name, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// commands are the names of a command's subcommands.
func commands(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

// flagMeant adds to the error about an unknown flag which one was most likely meant.
func flagMeant(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if text := meant(unknown.GetSpecifiedName(), names); text != "" {
		return fmt.Errorf("%w%s", err, text)
	}
	return err
}
