package fleet

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
)

// MaxNameLength is how long a cluster's name can be, in bytes.
//
// The tightest of what is named after a cluster is a pod's label
// controller-revision-hash: the StatefulSet's name, a hyphen, and a hash of up
// to 10 characters, in a label value of at most 63. In the charts vcluster-k8s
// and vcluster-eks etcd is a StatefulSet NAME-etcd: 63 - 1 - 10 - len("-etcd")
// = 47. The others leave more: a Service NAME-etcd-headless 63 - 14 = 49, the
// StatefulSet NAME 52, a Helm release 53, and the Secrets vc-NAME, vc-config-NAME
// and cluster-NAME have 253 characters.
const MaxNameLength = 63 - len("-0123456789") - len("-etcd")

// deviceName matches what Windows takes for a device, whatever its letter case and
// whatever follows behind a dot, as in root/con.yaml.
var deviceName = regexp.MustCompile(`^(?i:con|prn|aux|nul|com[1-9]|lpt[1-9])$`)

// reservedNamespaces belong to Kubernetes.
var reservedNamespaces = []string{"kube-system", "kube-public", "kube-node-lease", "default"}

const labelHint = "Use lower-case letters, digits and hyphens, with a letter or digit at both ends."

// checkName checks metadata.name against its folder and against what
// Kubernetes makes of it.
func checkName(name, folder, appOfApps string) *problem {
	switch {
	case name != folder:
		return fail(RuleNameMismatch, fmt.Sprintf("is %s, and the folder is %s", quoted(name), quoted(folder)), "Make both the same.")
	case name == layout.Root, name == layout.Bootstrap, name == appOfApps, name == appOfApps+BootstrapEnd:
		return fail(RuleName, quoted(name)+" is a name that kasou needs for itself", "Take another one.")
	case deviceName.MatchString(name):
		return fail(RuleName, quoted(name)+" is a device on Windows, where no file or folder can have that name", "Take another one: nobody could check the repository out there.")
	case len(name) > MaxNameLength:
		return fail(RuleNameLength, fmt.Sprintf("has %d characters, and there is room for %d", len(name), MaxNameLength),
			"Shorten it: the pods of a StatefulSet NAME-etcd carry it in a label of 63 characters, with a hash.")
	case len(validation.IsDNS1123Label(name)) > 0:
		return fail(RuleName, quoted(name)+" is not a DNS label", labelHint)
	case name[0] >= '0' && name[0] <= '9':
		return warn(RuleName, quoted(name)+" begins with a digit, which many Kubernetes versions refuse in the name of a Service", "Begin it with a letter.")
	}
	return nil
}

// checkReserved keeps clusters out of the namespaces of others.
func checkReserved(namespace, argocd string) *problem {
	switch {
	case slices.Contains(reservedNamespaces, namespace):
		return fail(RuleReservedNamespace, quoted(namespace)+" belongs to Kubernetes", "Take a namespace of the cluster's own: kasou labels it, and deleting the cluster may delete it.")
	case namespace == argocd:
		return fail(RuleReservedNamespace, quoted(namespace)+" is Argo CD's: whoever runs in it can read every cluster's credentials", "Take a namespace of the cluster's own.")
	}
	return nil
}

func checkLabel(rule finding.Rule, value string) *problem {
	if len(value) > 63 {
		return fail(rule, fmt.Sprintf("has %d characters, and there is room for 63", len(value)), "Shorten it.")
	}
	if len(validation.IsDNS1123Label(value)) > 0 {
		return fail(rule, quoted(value)+" is not a DNS label", labelHint)
	}
	return nil
}

func checkSubdomain(rule finding.Rule, value string) *problem {
	if len(validation.IsDNS1123Subdomain(value)) > 0 {
		return fail(rule, quoted(value)+" is not a name that Kubernetes takes", "Use lower-case letters, digits, hyphens and dots.")
	}
	return nil
}

// checkDNSName wants a plain DNS name, as what needs it does, that a certificate can be
// made for.
func checkDNSName(rule finding.Rule, what, host string) *problem {
	refuse := func(reason, hint string) *problem { return fail(rule, quoted(host)+" "+reason, hint) }
	_, addressErr := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case strings.Contains(host, "://"):
		if strings.Contains(host, "@") {
			return fail(rule, "is a URL", "Write the DNS name alone.")
		}
		return refuse("is a URL", "Write the DNS name alone, without https://.")
	case addressErr == nil:
		return refuse("is an IP address", "Write a DNS name, which "+what+" needs; without one, use another endpoint, or set server.")
	case strings.Contains(host, "*"):
		return refuse("is a wildcard", "write the one name under which this cluster is reached")
	case strings.Contains(host, ":"):
		return refuse("has a port", "write the DNS name alone; a port other than 443 belongs into server")
	case strings.HasSuffix(host, "."):
		return refuse("ends with a dot", "leave the last dot out")
	case len(validation.IsDNS1123Subdomain(host)) > 0:
		return refuse("is not a DNS name", "Use lower-case letters, digits, hyphens and dots, such as dev.k8s.example.com.")
	}
	if _, err := NormalizeServer("https://" + host); err != nil {
		return refuse("makes a server that "+err.Error(), "write the name under which Argo CD reaches the cluster")
	}
	return nil
}

// checkPath wants a slash-separated path below base.
func checkPath(value, base string) *problem {
	clean := path.Clean(value)
	switch {
	case value == "":
		return nil
	case strings.Contains(value, `\`):
		return fail(RulePath, quoted(value)+" has backslashes", "Write it with slashes, on any system.")
	case path.IsAbs(value) || len(value) > 1 && value[1] == ':':
		return fail(RulePath, quoted(value)+" is absolute", "Write it as seen from "+base+".")
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return fail(RulePath, quoted(value)+" leads out of "+base, "Name something below "+base+".")
	case strings.Contains(value, "://"):
		return fail(RulePath, quoted(value)+" is a URL", "Write a path as seen from "+base+".")
	}
	return nil
}
