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

// flagMeant says of an unknown flag which one was most likely meant, and of a value what the
// flag takes.
func flagMeant(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		return fmt.Errorf("%w%s; %s --help lists them", err, meant(unknown.GetSpecifiedName(), names), c.CommandPath())
	case errors.As(err, &invalid):
		takes := errors.Unwrap(invalid).Error()
		if words, known := flagTypes[invalid.GetFlag().Value.Type()]; known {
			takes = "it takes " + words
		}
		return fmt.Errorf("--%s %q: %s", invalid.GetFlag().Name, invalid.GetValue(), takes)
	}
	return err
}

// flagTypes are the values that flags take, by pflag's names, where the parser's own error
// is of its making.
var flagTypes = map[string]string{
	"int": "a whole number", "float32": "a number", "bool": "true or false", "duration": "a duration such as 30d or 12h",
}
