package chart

import (
	"fmt"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

// Problem is what a person can mend about a chart. It is one for all clusters
// that use the chart; Finding makes it one of theirs.
type Problem struct {
	Rule finding.Rule
	// Field of spec.chart to point at: repository, name, version or path.
	Field string
	// Message says what is wrong, Hint what to do. Neither holds a secret.
	Message, Hint string
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }

// Finding returns the problem as a finding in the cluster's spec.yaml.
func (p *Problem) Finding(c fleet.Cluster) finding.Finding {
	return c.Finding(finding.Error, p.Rule, []string{"spec", "chart", p.Field}, p.Message, p.Hint)
}

func repositoryProblem(message, hint string) *Problem {
	return &Problem{Rule: RuleRepository, Field: "repository", Message: message, Hint: hint}
}

func notAChart(source, field, format string, args ...any) *Problem {
	return &Problem{
		Rule: RuleNotAChart, Field: field,
		Message: fmt.Sprintf("%s is not a chart that can be deployed: %s", source, fmt.Sprintf(format, args...)),
		Hint:    "Name an application chart: a folder or archive with a valid Chart.yaml.",
	}
}
