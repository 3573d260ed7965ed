package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Keys gives the map keys that lead to the value in the chart's values.
func (v ValueFrom) Keys() []string {
	pointer, isPointer := strings.CutPrefix(v.Path, "/")
	if !isPointer {
		return strings.Split(v.Path, ".")
	}
	keys := strings.Split(pointer, "/")
	for i, key := range keys {
		keys[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
	}
	return keys
}

// Source names where the value comes from: "env NAME", or "secret
// NAMESPACE/NAME KEY".
func (v ValueFrom) Source() string {
	if v.Secret == nil {
		return "env " + v.Env
	}
	return fmt.Sprintf("secret %s/%s %s", v.Secret.Namespace, v.Secret.Name, v.Secret.Key)
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ownEnv are the prefixes of variables that hold credentials of the run
// itself. No cluster needs them, whatever a spec in a pull request says.
var ownEnv = []string{"KASOU_", "GITHUB_", "ACTIONS_", "RUNNER_", "DAGGER_", "_EXPERIMENTAL_DAGGER_"}

// valuesFrom checks where values come from and where they go.
func (k *check) valuesFrom() {
	all := k.cluster.Spec.ValuesFrom
	for i, v := range all {
		at := fmt.Sprintf("spec.valuesFrom.%d", i)
		if p := checkValuePath(v, k.cluster.Spec.Values, all[:i]); p != nil {
			k.report(at+".path", p)
		}
		switch {
		case (v.Env == "") == (v.Secret == nil):
			k.report(at, fail(RuleValuesFrom, "needs either env or secret", "name the one place where the value comes from"))
		case v.Env != "":
			k.report(at+".env", checkEnv(v.Env))
		default:
			k.report(at+".secret", checkSecretKey(*v.Secret))
		}
	}
}

func checkValuePath(v ValueFrom, values map[string]any, others []ValueFrom) *problem {
	keys := v.Keys()
	if slices.Contains(keys, "") {
		return fail(RuleValuesFrom, quoted(v.Path)+" has an empty key", "write the keys from the chart's values, joined by dots; a key with a dot in it needs a JSON pointer: /a.b/c")
	}
	for _, other := range others {
		theirs := other.Keys()
		if n := min(len(keys), len(theirs)); slices.Equal(keys[:n], theirs[:n]) {
			return fail(RuleValuesFrom, quoted(v.Path)+" and "+quoted(other.Path)+" are in each other's place", "keep one of the two")
		}
	}
	if taken(values, keys) {
		return fail(RuleValuesFrom, quoted(v.Path)+" stands in values, too", "take it out of values: what stands in git is no secret")
	}
	return nil
}

// taken says whether values have something at keys, or something other than a
// map on the way.
func taken(values map[string]any, keys []string) bool {
	for _, key := range keys {
		value, there := values[key]
		if !there {
			return false
		}
		below, isMap := value.(map[string]any)
		if !isMap {
			return true
		}
		values = below
	}
	return true
}

func checkEnv(name string) *problem {
	if !envName.MatchString(name) {
		return fail(RuleValuesFrom, quoted(name)+" is no name of an environment variable", "use letters, digits and underscores")
	}
	for _, prefix := range ownEnv {
		if strings.HasPrefix(strings.ToUpper(name), prefix) {
			return fail(RuleValuesFrom, quoted(name)+" belongs to the run itself", "give the value a variable of its own")
		}
	}
	return nil
}

func checkSecretKey(s SecretKey) *problem {
	if p := checkLabel(RuleValuesFrom, s.Namespace); p != nil {
		return p
	}
	if p := checkSubdomain(RuleValuesFrom, s.Name); p != nil {
		return p
	}
	if len(validation.IsConfigMapKey(s.Key)) > 0 {
		return fail(RuleValuesFrom, quoted(s.Key)+" is no key of a Secret", "use letters, digits, hyphens, underscores and dots")
	}
	return nil
}
