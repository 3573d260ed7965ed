package embedded

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"kasou/pipelines/toolchain"
)

// maxMessage bounds an error's text: Helm quotes whole templates in it, and
// every level of a nesting. Its start and its end say most.
const maxMessage = 2000

var (
	// templateAt matches where Helm and text/template say that they were:
	// "execution error at (c/templates/a.yaml:3:4)", "parse error at (…:3)",
	// "template: c/templates/a.yaml:3:4: executing".
	templateAt = regexp.MustCompile(`(?:error (?:at|in) \(|template: )([^():\s]+):(\d+)`)
	// parseIn matches what Helm says of rendered text that is no YAML.
	parseIn    = regexp.MustCompile(`YAML parse error on ([^:\s]+):`)
	lineBreaks = regexp.MustCompile(`\s*\n\s*`)
)

// chartError gives the error as the chart's fault, with its place as far as the
// text names one. The last place is the innermost template.
func chartError(err error) error {
	var already *toolchain.ChartError
	if errors.As(err, &already) {
		return already
	}
	text := lineBreaks.ReplaceAllString(strings.TrimSpace(err.Error()), " ")
	e := &toolchain.ChartError{Message: text}
	if at := templateAt.FindAllStringSubmatch(text, -1); len(at) > 0 {
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
