package report

import (
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// The format of --output json. It is held by docs/report.schema.json: a field may be
// added to a version, and none taken away or given another meaning.
const (
	jsonVersion = "kasou/v1"
	jsonKind    = "Report"
)

// document is what --output json prints.
type document struct {
	// APIVersion of the format.
	APIVersion string `json:"apiVersion" jsonschema:"enum=kasou/v1"`
	// Kind of the document.
	Kind string `json:"kind" jsonschema:"enum=Report"`
	*Report
}

func writeJSON(w io.Writer, r *Report, _ Options) error {
	out := *r
	out.Clusters = make([]Cluster, len(r.Clusters))
	for i, c := range r.Clusters {
		if c.Status == Changed { // the word that people read, too
			c.Status = Status(changedWord(r))
		}
		out.Clusters[i] = c
	}
	if out.Findings == nil {
		out.Findings = finding.List{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(document{APIVersion: jsonVersion, Kind: jsonKind, Report: &out})
}

// The parts of SARIF 2.1.0 that code scanning reads.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
		// Invocations say whether the run was finished.
		Invocations []sarifInvocation `json:"invocations"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string       `json:"level"`
		Message sarifMessage `json:"message"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    finding.Rule  `json:"id"`
		Short *sarifMessage `json:"shortDescription,omitempty"`
		Help  *sarifMessage `json:"help,omitempty"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID    finding.Rule    `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifLocation struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *sarifRegion `json:"region,omitempty"`
		} `json:"physicalLocation"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
)

func writeSARIF(w io.Writer, r *Report, o Options) error {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	driver := &run.Tool.Driver
	*driver = sarifDriver{Name: "kasou", Version: o.Version, Rules: []sarifRule{}}
	for _, f := range r.Findings {
		run.Results = append(run.Results, sarifOf(f))
		if !slices.ContainsFunc(driver.Rules, func(r sarifRule) bool { return r.ID == f.Rule }) {
			driver.Rules = append(driver.Rules, ruleOf(f.Rule, o))
		}
	}
	invocation := sarifInvocation{Successful: len(r.Unfinished) == 0}
	for _, u := range r.Unfinished {
		invocation.Notifications = append(invocation.Notifications,
			sarifNotification{Level: "error", Message: sarifMessage{Text: u.String()}})
	}
	run.Invocations = []sarifInvocation{invocation}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

// ruleOf returns a rule with what docs/rules.md says of it, its first paragraph as
// the short one.
func ruleOf(rule finding.Rule, o Options) sarifRule {
	out := sarifRule{ID: rule}
	if o.Explain == nil {
		return out
	}
	text, known := o.Explain(string(rule))
	if !known {
		return out
	}
	short, _, _ := strings.Cut(text, "\n\n")
	out.Short = &sarifMessage{Text: short}
	out.Help = &sarifMessage{Text: text, Markdown: text + "\nIn docs/rules.md: [" + string(rule) + "](docs/rules.md#" + string(rule) + ")\n"}
	return out
}

func sarifOf(f finding.Finding) sarifResult {
	result := sarifResult{RuleID: f.Rule, Level: f.Severity.String(), Message: sarifMessage{Text: withHint(f.Message, f.Hint)}}
	if f.File == "" {
		return result
	}
	var place sarifLocation
	place.Physical.Artifact.URI = (&url.URL{Path: f.File}).String()
	if f.Line > 0 {
		place.Physical.Region = &sarifRegion{StartLine: f.Line, StartColumn: f.Column}
	}
	result.Locations = []sarifLocation{place}
	return result
}
