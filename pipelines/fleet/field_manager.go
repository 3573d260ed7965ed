package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Managers returns who may add fields to the fleet's objects.
func (s FleetSpec) Managers() []FieldManager {
	if s.Drift == nil {
		return nil
	}
	return s.Drift.Managers
}

// MayAdd reports whether the entry lets the manager add the field to an object
// of the kind. The field is named as a drift report does.
func (m FieldManager) MayAdd(manager, kind, field string) bool {
	if m.Name != manager || len(m.Kinds) > 0 && !slices.Contains(m.Kinds, kind) {
		return false
	}
	general := element.ReplaceAllString(field, "[]")
	return len(m.Fields) == 0 || slices.ContainsFunc(m.Fields, func(listed string) bool {
		return isBelow(field, listed) || isBelow(general, listed)
	})
}

// isBelow reports whether a field is the listed one, or in it.
func isBelow(field, listed string) bool {
	rest, ok := strings.CutPrefix(field, listed)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// element is the part of a field's path that names an element of a list.
var element = regexp.MustCompile(`\[(?:"(?:[^"\\]|\\.)*"|[^\]"])*\]`)

// argoCDManagers are the names under which Argo CD itself writes.
var argoCDManagers = []string{"argocd-controller", "argocd-application-controller"}

// comparedField is the start of a field that a drift report can name.
var comparedField = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]*(?:[.\[].*[^.\[])?$`)

// checkManagers checks the list of who may add fields.
func checkManagers(drift *FleetDrift, report reporter) {
	if drift == nil {
		return
	}
	for i, m := range drift.Managers {
		at := fmt.Sprintf("spec.drift.managers.%d", i)
		if slices.Contains(argoCDManagers, m.Name) {
			report(at+".name", fail(RuleFieldManager, quoted(m.Name)+" is Argo CD itself", "Remove the entry: what Argo CD writes is compared with git."))
		}
		if len(m.Name) > 128 {
			report(at+".name", fail(RuleFieldManager, quoted(m.Name)+" is longer than the 128 characters of a field manager's name", "Copy it from the drift report, or from metadata.managedFields."))
		}
		for j, field := range m.Fields {
			report(fmt.Sprintf("%s.fields.%d", at, j), checkField(field))
		}
	}
}

func checkField(field string) *problem {
	const hint = "Write it as a drift report does, such as spec.replicas or metadata.annotations.\"example.com/owner\"."
	top := strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' })
	switch {
	case !comparedField.MatchString(field):
		return fail(RuleFieldManager, quoted(field)+" is not the path of a field", hint)
	case top[0] == "status":
		return fail(RuleFieldManager, quoted(field)+" is not compared: status is the host's own", "Remove the entry.")
	case top[0] == "metadata" && (len(top) < 2 || top[1] != "labels" && top[1] != "annotations"):
		return fail(RuleFieldManager, quoted(field)+" is not compared: of metadata labels and annotations are", hint)
	}
	return nil
}
