package report

import (
	"cmp"
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// DriftKind says what a fact stopped agreeing with.
type DriftKind string

// The kinds: the files on disk, the chart's source and the tools, the sealing
// certificate and what was sealed, the host cluster.
const (
	DriftTree     DriftKind = "tree"
	DriftUpstream DriftKind = "upstream"
	DriftTrust    DriftKind = "trust"
	DriftLive     DriftKind = "live"
)

// Repair is the command that makes a row true again.
type Repair string

// ByUpgrade moves to a newer chart, ByCertificate pins the controller's
// certificate of today. ByPerson is for what no command repairs.
const (
	ByBuild       Repair = "build"
	ByLock        Repair = "lock"
	ByUpgrade     Repair = "lock --upgrade"
	ByCertificate Repair = "lock --certificate"
	ByRegister    Repair = "register"
	ByPerson      Repair = "person"
)

// Row is one thing that is no longer true, or of which nothing is known.
type Row struct {
	finding.Finding
	Kind DriftKind `json:"kind"`
	// Object is NAMESPACE/NAME of what is concerned, where it is not the file.
	Object string `json:"object,omitempty"`
	// Since is from when on, RFC 3339 in UTC; empty where neither git nor the
	// object knows.
	Since  string `json:"since,omitempty"`
	Repair Repair `json:"repair"`
	// Unknown says that it could not be found out, and Message says why.
	Unknown bool `json:"unknown,omitempty"`
	// Repaired says that --repair made it true again.
	Repaired bool `json:"repaired,omitempty"`
}

// Drifted reports whether the row is drift: no mere hint, not unknown, not
// repaired.
func (r Row) Drifted() bool { return r.Severity == finding.Error && !r.Unknown && !r.Repaired }

// Command returns what to type to repair the row; empty where a person has to
// do more than that.
func (r Row) Command() string {
	if r.Repair == "" || r.Repair == ByPerson || r.Unknown || r.Repaired {
		return ""
	}
	if r.Repair == ByCertificate {
		return "kasou " + string(r.Repair) // it is one for the fleet
	}
	return strings.TrimSpace("kasou " + string(r.Repair) + " " + r.Cluster)
}

// Facts say what a cluster is, for a table of the fleet.
type Facts struct {
	// Chart is the name, or the path, and Version its version; empty for a path.
	Chart   string `json:"chart"`
	Version string `json:"version,omitempty"`
	// Newest is the newest version at the chart's source, where it is newer.
	Newest string `json:"newest,omitempty"`
	// Host of fleet.yaml; empty for the fleet's single one.
	Host        string `json:"host,omitempty"`
	Namespace   string `json:"namespace"`
	ServiceCIDR string `json:"serviceCIDR,omitempty"`
	// Server is what Argo CD dials.
	Server string `json:"server,omitempty"`
	// Application is NAMESPACE/NAME.
	Application string `json:"application"`
	// Registered: Argo CD has a credential for it.
	Registered bool `json:"registered"`
	// Expires is when that credential ends, RFC 3339 in UTC; empty where it does
	// not say.
	Expires string `json:"expires,omitempty"`
}

// SortRows orders by cluster (the fleet's own first), kind, file, line, rule
// and message.
func SortRows(rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(
			cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message),
		)
	})
}

// rowsByFinding returns the rows by the findings that they belong to.
func (r *Report) rowsByFinding() map[finding.Finding]Row {
	rows := make(map[finding.Finding]Row, len(r.Drift))
	for _, row := range r.Drift {
		rows[row.Finding] = row
	}
	return rows
}

// note returns what a row adds to its finding, on one line; empty where that is
// nothing.
func (r Row) note() string {
	var parts []string
	if r.Since != "" {
		parts = append(parts, "since "+r.Since)
	}
	switch {
	case r.Repaired:
		parts = append(parts, "repaired")
	case r.Command() != "":
		parts = append(parts, r.Command()+" repairs it")
	}
	return strings.Join(parts, "; ")
}

// Word is what the row is shown as: its kind, or else its severity.
func (r Row) Word() string {
	word := cmp.Or(string(r.Kind), r.Severity.String())
	switch {
	case r.Repaired:
		return word + ", repaired"
	case r.Unknown:
		return word + ", unknown"
	}
	return word
}

// Class is the class of the page's style that the row is shown with.
func (r Row) Class() string {
	switch {
	case r.Repaired:
		return "good"
	case r.Unknown:
		return "odd"
	}
	return severityClass(r.Severity)
}
