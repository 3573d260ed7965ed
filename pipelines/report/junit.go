package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"kasou/pipelines/finding"
)

// The parts of JUnit's XML that CI systems read: a suite for the run, a case for
// each cluster and one for the fleet.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Cases    []*junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class    string         `xml:"classname,attr"`
		Name     string         `xml:"name,attr"`
		File     string         `xml:"file,attr,omitempty"`
		Failures []junitProblem `xml:"failure"`
		Errors   []junitProblem `xml:"error"`
		Output   string         `xml:"system-out,omitempty"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes one XML document: findings of error severity are failures, what
// could not be finished is an error, the rest is a case's output.
func writeJUnit(w io.Writer, r *Report, _ Options) error {
	suite := junitSuite{Name: "kasou " + r.Command}
	cases := map[string]*junitCase{}
	of := func(cluster string) *junitCase {
		if cases[cluster] == nil {
			cases[cluster] = &junitCase{Class: suite.Name, Name: cmp.Or(cluster, "the fleet")}
			suite.Cases = append(suite.Cases, cases[cluster])
		}
		return cases[cluster]
	}
	of("")
	for _, c := range r.Clusters {
		of(c.Name)
	}
	for _, f := range r.Findings {
		of(f.Cluster).finding(f)
	}
	for _, u := range r.Unfinished {
		c := of(u.Cluster)
		c.Errors = append(c.Errors, junitProblem{Message: Inert(u.Message), Type: "unfinished", Text: u.String()})
	}
	suite.Tests = len(suite.Cases)
	for _, c := range suite.Cases {
		suite.Failures += min(len(c.Failures), 1)
		suite.Errors += min(len(c.Errors), 1)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return fmt.Errorf("junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (c *junitCase) finding(f finding.Finding) {
	text := withHint(f.String(), f.Hint)
	if f.Severity == finding.Error {
		c.File = f.File
		c.Failures = append(c.Failures, junitProblem{Message: Inert(f.Message), Type: string(f.Rule), Text: text})
		return
	}
	c.Output = strings.TrimPrefix(c.Output+"\n"+text, "\n")
}
