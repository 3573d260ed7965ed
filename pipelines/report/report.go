// Package report prints what a run found and did: as text for people, as json
// and sarif for programs, as annotations for GitHub Actions, as html for a browser.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

// Report is the outcome of one command over a fleet.
type Report struct {
	// Command is what ran, such as build, check or lock.
	Command string `json:"command"`
	// At is the time that a drift report is of, RFC 3339 in UTC.
	At string `json:"at,omitempty"`
	// DryRun is true where nothing was written on purpose.
	DryRun bool `json:"dryRun,omitempty"`
	// Clusters are sorted by name.
	Clusters []Cluster `json:"clusters"`
	// Fleet holds what changed outside the clusters: fleet.lock.yaml, and
	// orphans in root/.
	Fleet []Change `json:"fleet,omitempty"`
	// Findings are sorted by position.
	Findings finding.List `json:"findings"`
	// Unfinished is work that neither succeeded nor found a fault: a network, a
	// disk or a tool failed.
	Unfinished []Unfinished `json:"unfinished,omitempty"`
	// Probes are what doctor looked at, in its order.
	Probes []Probe `json:"probes,omitempty"`
	// Steps are what kasou retire found done and left to do, and what kasou init and
	// import leave to do, in order.
	Steps []Step `json:"steps,omitempty"`
	// Upgrades are what kasou upgrade found for each cluster that has a newer chart.
	Upgrades []Upgrade `json:"upgrades,omitempty"`
	// Values are what kasou values shows: the effective values of the cluster, or the
	// chart's own.
	Values map[string]any `json:"values,omitempty"`
	// Versions are those of kasou and of the tools in it, by their names, for kasou
	// version.
	Versions map[string]string `json:"versions,omitempty"`
	// Rules are what kasou explain shows.
	Rules []Rule `json:"rules,omitempty"`
	// Drift is what kasou drift found, in the order of SortRows. What is known
	// stands among the findings, too, what is not among the unfinished.
	Drift []Row `json:"drift,omitempty"`
	// Text returns the text of a file as it was when it was read, by its path; nil
	// where it was not. It saves reading thousands of files again.
	Text func(file string) []byte `json:"-"`
	// Tools are the versions of what the run works with, by the tools' names.
	Tools map[string]string `json:"-"`
	// FleetDiff of the fleet's own changes, where one was asked for.
	FleetDiff string `json:"fleetDiff,omitempty"`
}

// Rule is a rule of findings.
type Rule struct {
	Name finding.Rule `json:"name"`
	// Text is what docs/rules.md says of it, in Markdown; empty where the rules are
	// listed.
	Text string `json:"text,omitempty"`
}

// Probe is one thing that doctor looked at.
type Probe struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Beside says that it is nothing that a build needs: a warning where it is not ok, and
	// else something that is good to know.
	Beside bool   `json:"beside,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Step is one step of an operation that takes several commits.
type Step struct {
	Name   string    `json:"name"`
	State  StepState `json:"state"`
	Detail string    `json:"detail,omitempty"`
}

// StepState is whether a step is done, is the next to do, comes later, or is
// not known.
type StepState string

// The states of a step, as the reports print them.
const (
	StepDone    StepState = "done"
	StepNext    StepState = "next"
	StepLater   StepState = "later"
	StepUnknown StepState = "unknown"
)

// Unfinished is a cluster, or the fleet where Cluster is empty, that could not
// be finished, and why.
type Unfinished struct {
	// File, Line and Column are where it comes from, as in a finding; empty where that
	// is not a file of the fleet.
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	Message string `json:"message"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
}

// String returns it on one line.
func (u Unfinished) String() string {
	if u.Cluster == "" {
		return "could not finish: " + u.Message
	}
	return u.Cluster + ": could not finish: " + u.Message
}

// finding returns it as one that has no rule.
func (u Unfinished) finding() finding.Finding {
	return finding.Finding{
		File: u.File, Line: u.Line, Column: u.Column, Cluster: u.Cluster, Severity: finding.Error, Message: u.Message, Hint: u.Hint,
	}
}

// Status says how one cluster came out.
type Status string

// Unchanged is as it should be; Changed was written (or would be, in a dry run
// and in check); Removed was taken away; Failed has an error among its
// findings or could not be finished. For kasou drift a cluster is unchanged,
// Drifted, or Unknown where nothing is wrong as far as could be found out.
const (
	Unchanged Status = "unchanged"
	Changed   Status = "changed"
	Removed   Status = "removed"
	Failed    Status = "failed"
	Drifted   Status = "drifted"
	Unknown   Status = "unknown"
)

// Cluster is the outcome for one cluster.
type Cluster struct {
	Name    string   `json:"name"`
	Status  Status   `json:"status"`
	Changes []Change `json:"changes,omitempty"`
	// Reasons say why the files change; none where nothing does.
	Reasons []Reason `json:"reasons,omitempty"`
	// Diff of the changes, where one was asked for. Lines begin with "+ " for what comes,
	// "- " for what goes and "! " for what else changes, below the path of each file.
	Diff string `json:"diff,omitempty"`
	// Steps say what the change does to the cluster that runs, the worst first; none
	// where nothing that is deployed changes, or where there is no commit to compare
	// with.
	Steps []Transition `json:"steps,omitempty"`
	// Claims are its objects that other clusters could bring, too.
	Claims []manifest.Claim `json:"-"`
	// Facts are there for kasou drift alone.
	Facts *Facts `json:"facts,omitempty"`
}

// Transition is one thing that a change does to a cluster that runs.
type Transition struct {
	// Effect is its word, such as restart or refused-by-api-server.
	Effect string `json:"effect"`
	// Change, From and To name it for spec.accept; Change is empty where there is
	// nothing to accept.
	Change string `json:"change,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	// Message says what happens, Hint what to do instead.
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Accepted: the spec says so.
	Accepted bool `json:"accepted,omitempty"`
}

// Cause is why a cluster's files changed.
type Cause string

// The causes: a new cluster, one that was taken away, another spec or fleet
// file, chart, version of a tool, sealing certificate or credential, and files
// that were edited or deleted by hand.
const (
	Added              Cause = "added"
	RemovedByPerson    Cause = "removed"
	SpecChanged        Cause = "spec"
	ChartChanged       Cause = "chart"
	ToolChanged        Cause = "tool"
	CertificateChanged Cause = "certificate"
	CredentialChanged  Cause = "credential"
	Repaired           Cause = "hand edit repaired"
)

// Causes are all of them, in the order in which they are told.
func Causes() []Cause {
	return []Cause{Added, RemovedByPerson, SpecChanged, ChartChanged, ToolChanged, CertificateChanged, CredentialChanged, Repaired}
}

// Reason is a cause, with the versions before and after where they say more.
type Reason struct {
	Cause Cause  `json:"cause"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

// Change is one file that was written or removed, or would be.
type Change struct {
	Path string `json:"path"`
	// Kind is create, update or delete.
	Kind string `json:"kind"`
	// Cause is why: new, stale, hand edit, missing, …
	Cause string `json:"cause,omitempty"`
}

// Failed reports whether the run counts as failed: a finding of error severity.
func (r *Report) Failed() bool { return r.Findings.Failed() }

// Count returns how many clusters have the status.
func (r *Report) Count(s Status) int {
	n := 0
	for _, c := range r.Clusters {
		if c.Status == s {
			n++
		}
	}
	return n
}

// Format names an output format.
type Format string

// writers are all formats, the default first.
var writers = []struct {
	name  Format
	write func(io.Writer, *Report, Options) error
}{
	{"text", writeText},
	{"json", writeJSON},
	{"sarif", writeSARIF},
	{"github", writeGitHub},
	{"html", writeHTML},
	{"junit", writeJUnit},
}

// Formats returns the values of --output.
func Formats() []string {
	var names []string
	for _, w := range writers {
		names = append(names, string(w.name))
	}
	return names
}

// Set makes Format a flag value. The error lists the formats there are.
func (f *Format) Set(s string) error {
	if !slices.Contains(Formats(), s) {
		return fmt.Errorf("unknown output %q: one of %s", s, strings.Join(Formats(), ", "))
	}
	*f = Format(s)
	return nil
}

// String returns the format's name.
func (f *Format) String() string { return string(*f) }

// Type names the flag's type in help texts.
func (f *Format) Type() string { return "format" }

// Options say how to print.
type Options struct {
	Format Format
	// Color uses ANSI escapes; text only.
	Color bool
	// Source returns a file of the repo by its slash-separated path, for the
	// line that a finding points at; nil leaves such lines out.
	Source func(path string) ([]byte, error)
	// Version of kasou, for sarif.
	Version string
	// Explain returns what docs/rules.md says of a rule, and whether it does, for
	// sarif; nil leaves it out.
	Explain func(rule string) (string, bool)
	// Verbose shows notes that ask for nothing, too, and each cluster by itself; text
	// only.
	Verbose bool
	// Alone shows each cluster's changes by themselves; text only.
	Alone bool
}

// Write prints the report to w.
func Write(w io.Writer, r *Report, o Options) error {
	for _, known := range writers {
		if known.name == o.Format {
			return known.write(w, r, o)
		}
	}
	return writeText(w, r, o)
}
