package host

import (
	"errors"
	"fmt"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

var serviceCIDR = []string{"spec", "serviceCIDR"}

// Finding says of a cluster that asks for auto what to write instead.
func (e *UnknownRangeError) Finding(f *fleet.Fleet, c fleet.Cluster) finding.Finding {
	message := "serviceCIDR is auto, and " + e.Error()
	at := fleet.HostField(c.Spec.Host, "serviceCIDR")
	hint := "Write the host's service range into fleet.yaml, as " + strings.Join(at, ".") + ": 10.96.0.0/16 or 10.96.0.0/16,fd00:10:96::/112; it is --service-cluster-ip-range of its API server."
	if f.Spec.HostOf(c.Spec.Host).ServiceCIDR == fleet.AutoCIDR {
		found := f.Finding(finding.Error, RuleServiceCIDRUnknown, at, message, hint)
		found.Cluster = c.Name
		return found
	}
	return c.Finding(finding.Error, RuleServiceCIDRUnknown, serviceCIDR, message, hint)
}

// Findings warns a cluster of ranges that it will not know.
func (r ServiceRange) Findings(c fleet.Cluster) finding.List {
	if len(r.Others) == 0 {
		return nil
	}
	return finding.List{c.Finding(finding.Warning, RuleServiceCIDROthers, serviceCIDR,
		fmt.Sprintf("the host's Services can have addresses of %s, too, and the virtual cluster is told %s alone", strings.Join(r.Others, ", "), r.CIDR),
		"A vcluster chart takes one range for each IP family: keep the added ServiceCIDR objects for other uses, or write the range that holds all of them as serviceCIDR.")}
}

// Findings says of a cluster why it has no kubeconfig; none where it has one.
func (k Kubeconfig) Findings(c fleet.Cluster) finding.List {
	namespace := []string{"spec", "namespace"}
	switch k.State {
	case NoNamespace:
		return finding.List{c.Finding(finding.Warning, RuleNoNamespace, namespace,
			fmt.Sprintf("nothing of it is on the host: there is no namespace %s", c.Spec.Namespace),
			"Has Argo CD synced its Application? Register it when it runs.")}
	case Pending:
		return finding.List{c.Finding(finding.Note, RulePending, namespace,
			fmt.Sprintf("it has not booted: the host has no Secret %s", k.Source),
			"Register it again when its pods are ready"+k.execHint()+".")}
	case EmptySecret:
		return finding.List{c.Finding(finding.Warning, RuleEmptySecret, namespace,
			fmt.Sprintf("the Secret %s has nothing at the key %s, where vcluster writes the kubeconfig", k.Source, configKey),
			"Look at the syncer's log; delete the Secret and restart the syncer to have it written again"+k.execHint()+".")}
	}
	return nil
}

// execHint names the rule that is missing for the other way.
func (k Kubeconfig) execHint() string {
	if forbidden, ok := errors.AsType[*ForbiddenError](k.Exec); ok {
		return fmt.Sprintf("; or allow %s to have it read in the pod", forbidden.Needs)
	}
	return ""
}
