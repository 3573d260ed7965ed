// Package verdict reads what the tools say in words, so that both toolchains
// make the same findings of it.
package verdict

import (
	"fmt"
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

// memorySigns are the ways in which Go, cgo and the race detector word that the
// system gave no more memory; a new thread's stack needs some too.
var memorySigns = []string{
	"out of memory", "cannot allocate memory", "failed to allocate",
	"failed to create new OS thread", "pthread_create failed",
}

// Died returns why a process that rendered a chart came to its end. stderr is what it
// printed: Go's own account of a fatal error, which holds no values. memory is what it may
// have, in bytes; 0 where nothing bounds it. status says how it ended, for where it does
// not say itself.
func Died(stderr string, memory int64, status string) *toolchain.ChartError {
	switch {
	case strings.Contains(stderr, "stack overflow"), strings.Contains(stderr, "goroutine stack exceeds"):
		return &toolchain.ChartError{Message: "the chart's templates recurse without end"}
	case slices.ContainsFunc(memorySigns, func(sign string) bool { return strings.Contains(stderr, sign) }):
		return OutOfMemory(memory)
	}
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "kasou:") {
			status = strings.TrimSpace(line)
			break
		}
	}
	return &toolchain.ChartError{Message: "the process that rendered the chart died: " + status}
}

// OutOfMemory is what is wrong with a chart that needs more memory, in bytes, than it may
// have; 0 where nothing bounds that.
func OutOfMemory(memory int64) *toolchain.ChartError {
	if memory == 0 {
		return &toolchain.ChartError{Message: "the chart's templates need more memory than there is"}
	}
	return &toolchain.ChartError{Message: fmt.Sprintf("the chart's templates need more than %d MiB of memory", memory>>20)}
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
