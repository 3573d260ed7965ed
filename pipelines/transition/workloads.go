package transition

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

// syncChanges: what a vcluster no longer syncs it no longer deletes either. The syncer of
// that kind does not start, and nothing else looks for what it made
// (pkg/controllers/register.go up to 0.19, pkg/setup/controllers.go from 0.20 on).
func syncChanges(before, after Side) []Change {
	var off []string
	for _, at := range [][]string{{"sync", "toHost"}, {"sync"}} {
		kinds, _ := manifest.At(before.Values, at...).(map[string]any)
		for kind := range kinds {
			resource := slices.Concat(at, []string{kind})
			_, there := manifest.At(after.Values, resource...).(map[string]any)
			enabled := slices.Concat(resource, []string{"enabled"})
			if there && before.on(enabled...) && !after.on(enabled...) {
				off = append(off, strings.Join(resource, "."))
			}
		}
	}
	if len(off) == 0 {
		return nil
	}
	slices.Sort(off)
	return []Change{{
		Effect: Workloads, About: ByValues,
		Message: "no longer synced: " + finding.Few(off, 3) + ". What the host has of it stays, and nobody changes or deletes it any more",
		Hint:    "Delete it in the virtual cluster first, or on the host by hand.",
	}}
}

// domainChanges: a pod keeps the search list of its start, and its certificates and tokens
// the names (translateDNSClusterFirstConfig in pkg/controllers/resources/pods/translate).
func domainChanges(before, after Side) []Change {
	from, to := clusterDomain(before), clusterDomain(after)
	if before.Values == nil || after.Values == nil || from == to {
		return nil
	}
	return []Change{{
		Effect: Workloads, From: from, To: to, About: ByValues,
		Message: fmt.Sprintf("the cluster's domain changes from %s to %s: pods that run look for names under the one before, and the issuer of their tokens changes", from, to),
		Hint:    "Restart the workloads of the virtual cluster once it is back.",
	}}
}

func clusterDomain(s Side) string {
	return cmp.Or(manifest.Text(s.Values, "networking", "advanced", "clusterDomain"),
		argument(s.Values, "--cluster-domain", "vcluster", "extraArgs"), "cluster.local")
}

// limits are the kinds that hold down what runs beside them, and what they do to it.
var limits = map[string]string{
	"NetworkPolicy": "the traffic that it does not allow is cut at once, that of pods which run, too",
	"ResourceQuota": "pods which run stay; once it is used up, none starts any more, and none restarts elsewhere",
	"LimitRange":    "pods which run stay; new ones get its defaults, and are refused outside of its bounds",
}

// limitChanges: a limit that is new or another one meets what runs already.
func limitChanges(before, after Side) []Change {
	var all []Change
	for _, kind := range []string{"NetworkPolicy", "ResourceQuota", "LimitRange"} {
		var names []string
		for _, o := range after.Objects {
			was, there := same(before, o)
			if o.kind() == kind && (!there || firstDifference(was["spec"], o["spec"], "spec") != "") {
				names = append(names, o.name())
			}
		}
		if len(names) > 0 {
			slices.Sort(names)
			all = append(all, Change{Effect: Workloads, About: ByAny,
				Message: fmt.Sprintf("%s %s is new, or changes: %s", kind, finding.Few(names, 3), limits[kind])})
		}
	}
	for _, o := range after.Objects {
		was, there := same(before, o)
		const label = "pod-security.kubernetes.io/enforce"
		from, to := manifest.Text(was, "metadata", "labels", label), manifest.Text(o, "metadata", "labels", label)
		if there && o.kind() == "Namespace" && from != to && to != "" && to != "privileged" {
			all = append(all, Change{Effect: Workloads, From: cmp.Or(from, "none"), To: to, About: ByPodSecurity,
				Message: fmt.Sprintf("the namespace enforces Pod Security %s: pods that break it run on, and do not come back once they end", to),
				Hint:    "Set podSecurity.warn first, and look at what the API server warns of."})
		}
	}
	return all
}

// accountChanges: pods that name a ServiceAccount which is not there are not made.
func accountChanges(before, after Side) []Change {
	var all []Change
	for _, o := range after.Objects {
		account := manifest.Text(o, "spec", "template", "spec", "serviceAccountName")
		was, there := same(before, o)
		if account == "" || !there || manifest.Text(was, "spec", "template", "spec", "serviceAccountName") == account {
			continue
		}
		made := slices.ContainsFunc(after.Objects, func(other Object) bool { return other.kind() == "ServiceAccount" && other.name() == account })
		if !made {
			all = append(all, Change{Effect: Workloads, To: account, About: ByValues,
				Message: fmt.Sprintf("the pods of %s run as ServiceAccount %s, which nothing here makes: without it the API server makes no pod, and the cluster stops", o, account),
				Hint:    "Make sure that the namespace has it, or let the chart make it."})
		}
	}
	return all
}

// rightChanges: with the same chart, a role that loses rights was meant to, and what the
// vcluster does by them fails. What another version of the chart no longer needs is not
// told.
func rightChanges(before, after Side) []Change {
	if before.Chart.String() != after.Chart.String() {
		return nil
	}
	var all []Change
	for _, o := range after.Objects {
		was, there := same(before, o)
		if !there || o.kind() != "Role" && o.kind() != "ClusterRole" {
			continue
		}
		has := rights(o)
		lost := slices.DeleteFunc(slices.Sorted(maps.Keys(rights(was))), func(right string) bool { return has[right] })
		if len(lost) > 0 {
			all = append(all, Change{Effect: Workloads, About: ByValues,
				Message: fmt.Sprintf("%s loses rights: %s. What the vcluster does by them fails from then on, deletions of what it synced among it", o, finding.Few(lost, 3)),
				Hint:    "Make sure that nothing which needs them is left."})
		}
	}
	return all
}

// rights returns what the rules of a role allow, as VERB RESOURCE.GROUP.
func rights(role Object) map[string]bool {
	all := map[string]bool{}
	for _, rule := range manifest.Maps(role, "rules") {
		names := ""
		if only, ok := rule["resourceNames"].([]any); ok && len(only) > 0 {
			names = " " + short(only)
		}
		for _, group := range manifest.Texts(rule, "apiGroups") {
			for _, resource := range manifest.Texts(rule, "resources") {
				for _, verb := range manifest.Texts(rule, "verbs") {
					all[strings.TrimSuffix(verb+" "+resource+"."+group, ".")+names] = true
				}
			}
		}
	}
	return all
}

// same returns the object that is the same one to the API server.
func same(s Side, like Object) (Object, bool) {
	key := like.key(s.Namespace)
	i := slices.IndexFunc(s.Objects, func(o Object) bool { return o.key(s.Namespace) == key })
	if i < 0 {
		return nil, false
	}
	return s.Objects[i], true
}
