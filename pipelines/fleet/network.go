package fleet

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kasou/pipelines/finding"
)

// The sizes of a service range that kube-apiserver takes: at most 20 bits of
// addresses (validateMaxCIDRRange) and at least 8 addresses (ServiceIPRange).
const (
	maxServiceBits = 20
	minServiceBits = 3
)

// checkCIDR wants one range, or one of each IP family joined by a comma.
func checkCIDR(value string) *problem {
	if value == AutoCIDR {
		return nil
	}
	refuse := func(reason, hint string) *problem { return fail(RuleCIDR, quoted(value)+" "+reason, hint) }
	parts := strings.Split(value, ",")
	if len(parts) > 2 {
		return refuse("has more than two ranges", "Write at most one for IPv4 and one for IPv6.")
	}
	var ranges []netip.Prefix
	for _, part := range parts {
		if part != strings.TrimSpace(part) {
			return refuse("has spaces", "Write "+strings.ReplaceAll(value, " ", "")+".")
		}
		prefix, err := netip.ParsePrefix(part)
		switch {
		case err != nil || prefix.Addr().Is4In6():
			return refuse("is not a service range", "Write it as 10.96.0.0/16, fd00:10:96::/112 or both joined by a comma, or auto to ask the host.")
		case prefix != prefix.Masked():
			return refuse("has bits set after its prefix", "Write "+prefix.Masked().String()+".")
		}
		ranges = append(ranges, prefix)
	}
	if len(ranges) == 2 && ranges[0].Addr().Is4() == ranges[1].Addr().Is4() {
		return refuse("has two ranges of one IP family", "Write at most one for IPv4 and one for IPv6.")
	}
	for _, r := range ranges {
		if p := checkCIDRSize(r); p != nil {
			return p
		}
	}
	return nil
}

// checkCIDRSize only warns: newer API servers take larger ranges.
func checkCIDRSize(r netip.Prefix) *problem {
	all := r.Addr().BitLen()
	switch bits := all - r.Bits(); {
	case bits > maxServiceBits:
		return warn(RuleCIDRSize, fmt.Sprintf("%s is larger than most API servers take", r), fmt.Sprintf("Is it the host's real service range? Theirs ends at /%d.", all-maxServiceBits))
	case bits < minServiceBits:
		return warn(RuleCIDRSize, fmt.Sprintf("%s is smaller than an API server takes", r), fmt.Sprintf("Is it the host's real service range? Theirs begins at /%d.", all-minServiceBits))
	}
	return nil
}

func checkServer(server string) *problem {
	if _, err := NormalizeServer(server); err != nil {
		return fail(RuleServer, err.Error(), "Write the https URL at which Argo CD reaches the API server, such as https://dev.k8s.example.com.")
	}
	return nil
}

// NormalizeServer returns the one spelling of an API server's URL by which two
// of them can be compared: lower case, no :443, no slash or dot at the end, IP
// addresses in their shortest form. The error says why Argo CD should not or
// cannot dial it (it is not an https URL, has credentials, a query or a fragment,
// or means the machine itself), without repeating the URL.
func NormalizeServer(server string) (string, error) {
	u, err := url.Parse(server)
	switch {
	case err != nil:
		return "", errors.New("is not a URL")
	case u.Scheme == "" || u.Opaque != "":
		return "", errors.New("is not an https:// URL: Argo CD would dial it over plain HTTP")
	case u.Scheme != "https":
		return "", fmt.Errorf("begins with %s://, not with https://", u.Scheme)
	case u.User != nil:
		return "", errors.New("has credentials in it")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(server, "#"):
		return "", errors.New("has a query or a fragment")
	}
	host, err := normalizeHost(u.Hostname())
	if err != nil {
		return "", err
	}
	port, err := normalizePort(u)
	if err != nil {
		return "", err
	}
	return "https://" + host + port + strings.TrimRight(u.EscapedPath(), "/"), nil
}

func normalizePort(u *url.URL) (string, error) {
	text := u.Port()
	if text == "" {
		return "", nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", errors.New("has a port that is not between 1 and 65535")
	}
	if port == 443 {
		return "", nil
	}
	return ":" + strconv.FormatUint(port, 10), nil
}

func normalizeHost(host string) (string, error) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if isLocal(host) {
		return "", errors.New("means the machine itself: Argo CD would dial its own pod")
	}
	if address, err := netip.ParseAddr(host); err == nil {
		if address.Zone() != "" {
			return "", errors.New("has an IPv6 zone, which means nothing on another machine")
		}
		if address = address.Unmap(); address.IsLinkLocalUnicast() {
			return "", errors.New("is a link-local address: Argo CD would dial a service of its own node, such as the cloud's metadata")
		}
		if address.Is6() {
			return "[" + address.String() + "]", nil
		}
		return address.String(), nil
	}
	last := host[strings.LastIndex(host, ".")+1:]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil || len(validation.IsDNS1123Subdomain(host)) > 0 {
		return "", errors.New("has no valid host name or IP address")
	}
	return host, nil
}

// isLocal reports whether a host name or address means the machine that dials it.
func isLocal(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		address = address.Unmap()
		return address.IsLoopback() || address.IsUnspecified()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "localhost.localdomain"
}

// ownNames are the names of the API server of the cluster that a pod runs in
// (pkg/registry/core/rest in Kubernetes: the Service kubernetes of the namespace
// default). A cluster's own domain may follow.
var ownNames = []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc"}

// hostServers are the servers of one host: what Argo CD knows it by, and the addresses of
// its Service, the first of each service range.
type hostServers struct {
	name, server string
	addresses    []netip.Addr
}

func serversOf(s FleetSpec, name string) hostServers {
	known := hostServers{name: name}
	known.server, _ = NormalizeServer(s.DestinationOf(name).Server)
	for part := range strings.SplitSeq(s.HostOf(name).ServiceCIDR, ",") {
		if r, err := netip.ParsePrefix(part); err == nil {
			known.addresses = append(known.addresses, r.Masked().Addr().Next())
		}
	}
	return known
}

// has reports whether a server in its normal form is the host's API server: by a name of
// its Service, too.
func (h hostServers) has(server string) bool {
	if h.server == server {
		return true
	}
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	name := u.Hostname()
	if slices.Contains(ownNames, name) || strings.HasPrefix(name, "kubernetes.default.svc.") {
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && slices.Contains(h.addresses, address.Unmap())
}

// checkDestination wants what Argo CD knows its own or another cluster by.
func checkDestination(destination string) *problem {
	u, err := url.Parse(destination)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return fail(RuleServer, "is not an https:// URL", "Write the server as `argocd cluster list` shows it; "+DefaultDestination+" is the cluster that Argo CD runs in.")
	case u.User != nil:
		return fail(RuleCredentials, "has credentials in it", "Take them out: Argo CD keeps them in its cluster Secret.")
	}
	return checkNoPattern(RuleServer, strings.NewReplacer("[", "", "]", "").Replace(destination), "Write the server as `argocd cluster list` shows it.")
}

// patternCharacters are those by which Argo CD takes what an AppProject has for a pattern
// (util/glob), and denies is what a pattern begins with that turns it into its opposite
// (globMatch in app_project_types.go).
const patternCharacters, denies = `*?[]{}\`, "!"

// checkNoPattern keeps patterns out of what goes into an AppProject: one would let through
// more than the fleet deploys, or less.
func checkNoPattern(rule finding.Rule, value, hint string) *problem {
	if strings.ContainsAny(value, patternCharacters) || strings.HasPrefix(value, denies) {
		return fail(rule, "is a pattern to Argo CD's AppProjects", hint)
	}
	return nil
}
