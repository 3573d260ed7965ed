package report

import (
	"encoding/json"
	"fmt"
)

// Outputs sets the step's outputs: changed (true or false), clusters (the names
// of those that changed or were removed, as a JSON list) and findings (their
// number). Each is one line whatever the names hold, so none can end its own
// value and set another.
func (g *GitHub) Outputs(r *Report) error {
	if g == nil {
		return nil
	}
	names := []string{}
	for _, c := range r.Clusters {
		if c.Status == Changed || c.Status == Removed {
			names = append(names, c.Name)
		}
	}
	list, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return g.writeFile("GITHUB_OUTPUT", func() {
		g.action.SetOutput("changed", fmt.Sprint(len(names) > 0 || len(r.Fleet) > 0))
		g.action.SetOutput("clusters", string(list))
		g.action.SetOutput("findings", fmt.Sprint(len(r.Findings)))
	})
}
