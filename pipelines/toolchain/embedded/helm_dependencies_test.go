package embedded

import (
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
)

func TestMissingDependenciesAreHelms(t *testing.T) {
	for _, test := range []struct {
		name         string
		wanted, have []string
	}{
		{name: "none wanted", have: []string{"extra"}},
		{name: "all there", wanted: []string{"a", "b"}, have: []string{"b", "a"}},
		{name: "one missing", wanted: []string{"a", "b"}, have: []string{"a"}},
		{name: "all missing", wanted: []string{"b", "a", "b"}},
		{name: "another case", wanted: []string{"a"}, have: []string{"A"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ch := &chart.Chart{Metadata: &chart.Metadata{Name: "demo"}}
			for _, name := range test.wanted {
				ch.Metadata.Dependencies = append(ch.Metadata.Dependencies, &chart.Dependency{Name: name})
			}
			for _, name := range test.have {
				ch.AddDependency(&chart.Chart{Metadata: &chart.Metadata{Name: name}})
			}
			ours, helms := installable(ch, "application", test.wanted), action.CheckDependencies(ch, ch.Metadata.Dependencies)
			if (ours == nil) != (helms == nil) {
				t.Fatalf("%v, and Helm says %v", ours, helms)
			}
			if ours != nil && !strings.HasSuffix(ours.Error(), ": "+helms.Error()) {
				t.Errorf("%v, and Helm says %v", ours, helms)
			}
		})
	}
}
