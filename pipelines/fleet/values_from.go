package fleet

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kasou/pipelines/position"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Keys returns the map keys that lead to the value in the chart's values.
func (v ValueFrom) Keys() []string {
	if strings.HasPrefix(v.Path, "/") {
		return position.Pointer(v.Path)
	}
	return strings.Split(v.Path, ".")
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

// ValueEnvPrefix begins the names of the variables that are there for specs to
// take. Any other may be a credential of the run: who writes specs need not be
// who runs kasou.
const ValueEnvPrefix = "KASOU_VALUE_"

// credentialPrefixes begin the names of Secrets that no value comes from: vc-NAME
// is the administrator of a virtual cluster, cluster-NAME Argo CD's credential.
var credentialPrefixes = []string{"vc-", "cluster-"}

// ownEnv are the prefixes of variables that hold credentials of the run
// itself. No cluster needs them, whatever a spec or fleet.yaml says.
var ownEnv = []string{"KASOU_", "GITHUB_", "ACTIONS_", "RUNNER_", "DAGGER_", "_EXPERIMENTAL_DAGGER_"}

// valuesFrom checks where values come from and where they go.
func (k *check) valuesFrom(fleet FleetSpec) {
	all := k.cluster.Spec.ValuesFrom
	for i, v := range all {
		at := fmt.Sprintf("spec.valuesFrom.%d", i)
		if p := checkValuePath(v, k.cluster.Spec.Values, all[:i]); p != nil {
			k.report(at+".path", p)
		}
		switch {
		case (v.Env == "") == (v.Secret == nil):
			k.report(at, fail(RuleValuesFrom, "needs either env or secret", "Name the one place where the value comes from."))
		case v.Env != "":
			k.report(at+".env", cmp.Or(checkEnv(v.Env), deniedEnv(fleet, k.cluster.Name, v.Env)))
		default:
			k.valueSecret(fleet, at+".secret", *v.Secret)
		}
	}
}

func deniedEnv(fleet FleetSpec, cluster, name string) *problem {
	if strings.HasPrefix(name, ValueEnvPrefix) || allowed(fleet.ValuesFrom.Allowed(), cluster, func(a AllowedSource) bool { return a.Env == name }) {
		return nil
	}
	return fail(RuleValuesDenied, quoted(name)+" is not a variable that specs may take",
		"Name it "+ValueEnvPrefix+"…, or have it allowed in fleet.yaml: spec.valuesFrom.allow: [{env: "+name+"}].")
}

// valueSecret keeps a spec to Secrets of its own namespace, and to those that the
// fleet allows.
func (k *check) valueSecret(fleet FleetSpec, at string, s SecretKey) {
	if p := checkSecretKey(s); p != nil {
		k.report(at, p)
		return
	}
	if p := credentialName(s.Name); p != nil {
		k.report(at+".name", p)
		return
	}
	if p := credentialNamespace(s.Namespace, fleet); p != nil {
		k.report(at+".namespace", p)
		return
	}
	if s.Namespace == k.cluster.Spec.Namespace || allowed(fleet.ValuesFrom.Allowed(), k.cluster.Name, func(a AllowedSource) bool {
		return a.Secret != nil && a.Secret.Namespace == s.Namespace && a.Secret.Name == s.Name
	}) {
		return
	}
	k.report(at+".namespace", fail(RuleValuesDenied, fmt.Sprintf("%s is another namespace than the cluster's, %s", quoted(s.Namespace), quoted(k.cluster.Spec.Namespace)),
		fmt.Sprintf("Put the Secret into the cluster's namespace, or have it allowed in fleet.yaml: spec.valuesFrom.allow: [{secret: {namespace: %s, name: %s}}].", s.Namespace, s.Name)))
}

// allowed reports whether one of the sources that matches is for the cluster.
func allowed(sources []AllowedSource, cluster string, matches func(AllowedSource) bool) bool {
	return slices.ContainsFunc(sources, func(a AllowedSource) bool {
		return matches(a) && (len(a.Clusters) == 0 || slices.Contains(a.Clusters, cluster))
	})
}

func credentialName(name string) *problem {
	for _, prefix := range credentialPrefixes {
		if strings.HasPrefix(name, prefix) {
			return fail(RuleValuesDenied, quoted(name)+" is a credential of a virtual cluster or of Argo CD by its name", "Take another Secret: no value comes from vc-* and cluster-*, and nothing allows it.")
		}
	}
	return nil
}

func credentialNamespace(namespace string, fleet FleetSpec) *problem {
	if argocd := cmp.Or(fleet.ArgoCD.Namespace, DefaultArgoCDNamespace); namespace == argocd {
		return fail(RuleValuesDenied, quoted(namespace)+" is Argo CD's namespace", "Take another Secret: no value comes from there, and nothing allows it.")
	}
	return nil
}

// checkAllowed checks the list of what specs may take values from.
func checkAllowed(spec FleetSpec, report reporter) {
	if spec.ValuesFrom == nil {
		return
	}
	for i, a := range spec.ValuesFrom.Allow {
		at := fmt.Sprintf("spec.valuesFrom.allow.%d", i)
		switch {
		case (a.Env == "") == (a.Secret == nil):
			report(at, fail(RuleValuesFrom, "needs either env or secret", "Name one place in each entry."))
		case a.Env != "":
			report(at+".env", checkEnv(a.Env))
		default:
			report(at+".secret.namespace", cmp.Or(checkLabel(RuleValuesFrom, a.Secret.Namespace), credentialNamespace(a.Secret.Namespace, spec)))
			report(at+".secret.name", cmp.Or(checkSubdomain(RuleValuesFrom, a.Secret.Name), credentialName(a.Secret.Name)))
		}
	}
}

func checkValuePath(v ValueFrom, values map[string]any, others []ValueFrom) *problem {
	keys := v.Keys()
	if slices.Contains(keys, "") {
		return fail(RuleValuesFrom, quoted(v.Path)+" has an empty key", "Write the keys from the chart's values, joined by dots; a key with a dot in it needs a JSON pointer: /a.b/c.")
	}
	for _, other := range others {
		theirs := other.Keys()
		if n := min(len(keys), len(theirs)); slices.Equal(keys[:n], theirs[:n]) {
			return fail(RuleValuesFrom, quoted(v.Path)+" and "+quoted(other.Path)+" are in each other's place", "Keep one of the two.")
		}
	}
	if taken(values, keys) {
		return fail(RuleValuesFrom, quoted(v.Path)+" stands in values, too", "Take it out of values: what stands in git is not secret.")
	}
	return nil
}

// taken reports whether values have something at keys, or something other than a
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
		return fail(RuleValuesFrom, quoted(name)+" is not a name of an environment variable", "Use letters, digits and underscores.")
	}
	if strings.HasPrefix(name, ValueEnvPrefix) {
		return nil
	}
	for _, prefix := range ownEnv {
		if strings.HasPrefix(strings.ToUpper(name), prefix) {
			return fail(RuleValuesFrom, quoted(name)+" belongs to the run itself", "Give the value a variable of its own.")
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
		return fail(RuleValuesFrom, quoted(s.Key)+" is not a key of a Secret", "Use letters, digits, hyphens, underscores and dots.")
	}
	return nil
}

// Allowed returns the sources that v allows; none where it is nil.
func (v *FleetValuesFrom) Allowed() []AllowedSource {
	if v == nil {
		return nil
	}
	return v.Allow
}

// String returns what is allowed, as a message names it.
func (a AllowedSource) String() string {
	if a.Secret != nil {
		return "the Secret " + a.Secret.Namespace + "/" + a.Secret.Name
	}
	return "the environment variable " + a.Env
}

// Within reports whether others allow each cluster what a does.
func (a AllowedSource) Within(others []AllowedSource) bool {
	same := func(o AllowedSource) bool { return o.String() == a.String() }
	if len(a.Clusters) == 0 {
		return slices.ContainsFunc(others, func(o AllowedSource) bool { return same(o) && len(o.Clusters) == 0 })
	}
	return !slices.ContainsFunc(a.Clusters, func(name string) bool { return !allowed(others, name, same) })
}
