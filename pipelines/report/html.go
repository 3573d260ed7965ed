package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page's template, style and script
	"encoding/base64"
	"html/template"
	"io"
	"strings"
)

var (
	//go:embed page/page.tmpl
	pageText string
	//go:embed page/style.css
	pageStyle string
	//go:embed page/script.js
	pageScript string

	pageTemplate = template.Must(template.New("page").Parse(pageText))
)

// writeHTML returns one page that needs nothing else: no request leaves it, and
// without JavaScript it lacks only sorting and filtering. Whatever text it is
// given stays text: html/template escapes it, and the page's policy lets no
// script run but its own.
func writeHTML(w io.Writer, r *Report, o Options) error {
	out := bufio.NewWriter(w)
	if err := pageTemplate.Execute(out, pageOf(r, o)); err != nil {
		return err
	}
	return out.Flush()
}

// policy allows the page's own style and script, by their digests, and nothing
// from anywhere.
func policy() string {
	return strings.Join([]string{
		"default-src 'none'", "style-src " + hashSource(pageStyle), "script-src " + hashSource(pageScript),
		"img-src data:", "base-uri 'none'", "form-action 'none'",
	}, "; ")
}

func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// style and script are constants of this package: nothing foreign is in them.
func style() template.HTML {
	return template.HTML("<style>" + pageStyle + "</style>") //nolint:gosec // embedded
}

func script() template.HTML {
	return template.HTML("<script>" + pageScript + "</script>") //nolint:gosec // embedded
}
