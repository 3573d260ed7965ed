// Package verdict reads what the tools say in words, so that both toolchains
// make the same findings of it.
package verdict

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kasou/pipelines/toolchain"
)

// Evaluated is the name that Helm gives to any text evaluated by `tpl`, whose lines
// are in no file.
const Evaluated = "gotpl"

// maxMessage bounds an error's text: Helm quotes whole templates in it, and
// every level of a nesting. Its start and its end say most.
const maxMessage = 2000

var (
	// templateAt matches where Helm and text/template say that they were:
	// "execution error at (c/templates/a.yaml:3:4)", "parse error at (…:3)",
	// "template: c/templates/a.yaml:3:4: executing".
	templateAt = regexp.MustCompile(`(?:error (?:at|in) \(|template: )([^():\s]+):(\d+)`)
	// parseIn matches what Helm says of rendered text that is not YAML.
	parseIn    = regexp.MustCompile(`YAML parse error on ([^:\s]+):`)
	lineBreaks = regexp.MustCompile(`\s*\n\s*`)
)

// Chart returns Helm's error text as the chart's fault, with its place as far as
// the text names one. The last place is the innermost template.
func Chart(text string) *toolchain.ChartError {
	text = lineBreaks.ReplaceAllString(strings.TrimSpace(text), " ")
	e := &toolchain.ChartError{Message: text}
	at := slices.DeleteFunc(templateAt.FindAllStringSubmatch(text, -1), func(at []string) bool { return at[1] == Evaluated })
	if len(at) > 0 {
		last := at[len(at)-1]
		e.Template = last[1]
		e.Line, _ = strconv.Atoi(last[2])
	} else if in := parseIn.FindStringSubmatch(text); in != nil {
		e.Template = in[1]
	}
	if len(text) > maxMessage {
		half := maxMessage / 2
		e.Message = strings.ToValidUTF8(text[:half]+" … "+text[len(text)-half:], "")
	}
	return e
}

// Died says why a process that rendered a chart came to its end, from what Go
// printed about it; nil where the text does not say.
func Died(stderr string) *toolchain.ChartError {
	switch {
	case strings.Contains(stderr, "stack overflow"), strings.Contains(stderr, "goroutine stack exceeds"):
		return &toolchain.ChartError{Message: "the chart's templates recurse without end"}
	case strings.Contains(stderr, "out of memory"), strings.Contains(stderr, "cannot allocate memory"):
		return &toolchain.ChartError{Message: "the chart's templates need more memory than there is"}
	}
	return nil
}

const (
	debugHint = "Use --debug flag to render out invalid YAML"
	schemas   = "values don't meet the specifications of the schema(s) in the following chart(s):\n"
)

// HelmStderr returns what the helm command printed when it failed on the chart
// named. It is nil where the text holds no error of Helm's.
func HelmStderr(chart, stderr string) *toolchain.ChartError {
	_, text, found := strings.Cut("\n"+stderr, "\nError: ")
	if !found {
		return nil
	}
	text = strings.TrimSuffix(strings.TrimSpace(text), debugHint)
	if _, broken, ok := strings.Cut(text, schemas); ok {
		if problems := schemaText(chart, broken); len(problems) > 0 {
			return Schema(problems)
		}
	}
	return Chart(text)
}
