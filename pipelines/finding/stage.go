package finding

import "strings"

// Stage is a part of the pipeline that has rules of its own.
type Stage string

// The stages, as their rules' names begin.
const (
	Fleet      Stage = "fleet"
	Chart      Stage = "chart"
	VCluster   Stage = "vcluster"
	Render     Stage = "render"
	ArgoCD     Stage = "argocd"
	Seal       Stage = "seal"
	Values     Stage = "values"
	Conform    Stage = "conform"
	Extra      Stage = "extra"
	Policy     Stage = "policy"
	Plan       Stage = "plan"
	Upgrade    Stage = "upgrade"
	Tree       Stage = "tree"
	Credential Stage = "credential"
	Register   Stage = "register"
	Host       Stage = "host"
	Lock       Stage = "lock"
	Retire     Stage = "retire"
	Drift      Stage = "drift"
	Doctor     Stage = "doctor"
	Import     Stage = "import"
)

// repeating are the stages that find the same again as long as the inputs are the
// same: true for these, false for all others there are.
var repeating = map[Stage]bool{
	Fleet: false, Chart: false, VCluster: true, Render: true, ArgoCD: true, Seal: false, Values: false,
	Conform: true, Extra: false, Policy: false, Plan: false, Upgrade: false, Tree: false, Credential: false, Register: false,
	Host: false, Lock: false, Retire: false, Drift: false, Doctor: false, Import: false,
}

// Stage returns the stage that the rule is of, whose name it begins with. It is not
// ok for a rule of none, which the fence test allows nowhere.
func (r Rule) Stage() (s Stage, ok bool) {
	name, _, _ := strings.Cut(string(r), "-")
	_, ok = repeating[Stage(name)]
	return Stage(name), ok
}

// Repeats reports whether the stage will find the same again for the same inputs.
func (s Stage) Repeats() bool { return repeating[s] }
