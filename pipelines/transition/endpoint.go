package transition

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// way is an object by which the cluster is reached from outside of the host.
type way struct {
	kind   string
	object Object
	hosts  []string
}

// ways returns those of a cluster by their kinds: Ingress, TLSRoute, LoadBalancer, NodePort.
func ways(objects []Object) map[string]way {
	found := map[string]way{}
	for _, o := range objects {
		w := way{kind: o.kind(), object: o}
		switch w.kind {
		case "Ingress":
			rules, _ := lookup(o, "spec", "rules").([]any)
			for _, rule := range rules {
				if host, ok := lookup(rule, "host").(string); ok {
					w.hosts = append(w.hosts, host)
				}
			}
		case "TLSRoute":
			names, _ := lookup(o, "spec", "hostnames").([]any)
			for _, name := range names {
				if host, ok := name.(string); ok {
					w.hosts = append(w.hosts, host)
				}
			}
		case "Service":
			w.kind, _ = lookup(o, "spec", "type").(string)
			if w.kind != "LoadBalancer" && w.kind != "NodePort" {
				continue
			}
		default:
			continue
		}
		found[w.kind] = w
	}
	return found
}

// endpointChanges: a cluster that moves to another way in serves by both for one commit, so
// that nobody loses it while names, routes and credentials follow.
func endpointChanges(before, after Side) []Change {
	old, now := ways(before.Objects), ways(after.Objects)
	var gone, came, kept []string
	for _, kind := range slices.Sorted(maps.Keys(old)) {
		if _, there := now[kind]; there {
			kept = append(kept, kind)
		} else {
			gone = append(gone, kind)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(now)) {
		if _, there := old[kind]; !there {
			came = append(came, kind)
		}
	}
	from, to := strings.Join(gone, ", "), strings.Join(slices.Concat(kept, came), ", ")
	c := Change{Effect: Unreachable, Name: "endpoint", From: from, To: cmp.Or(to, "none"), About: ByEndpoint}
	switch {
	case len(gone) == 0 && len(kept) > 0 && len(came) > 0:
		c.Effect, c.Name = Applied, ""
		c.Message = fmt.Sprintf("%s serves beside %s", strings.Join(came, ", "), strings.Join(kept, ", "))
		c.Hint = "Once kasou drift --live finds nothing and kasou register has the new server, take the old one out."
	case len(gone) > 0 && len(kept) == 0 && len(came) > 0:
		c.Message = fmt.Sprintf("the way in moves from %s to %s in one step: nobody has seen that the new one serves, and the certificate loses the old name", from, to)
		c.Hint = "Keep both for one commit, run kasou register, and take the old one out in another."
	case len(gone) > 0 && before.Registered && dials(before.Server, old, gone, kept):
		c.Message = fmt.Sprintf("Argo CD's credential dials %s, which is served by %s, and that goes", before.Server, from)
		c.Hint = "Run kasou register first, and commit the credential of the server that stays."
	default:
		return nil
	}
	return []Change{c}
}

// dials reports whether a server is that of a way in which goes, and of none that stays.
func dials(server string, old map[string]way, gone, kept []string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	serves := func(kinds []string) bool {
		return slices.ContainsFunc(kinds, func(kind string) bool {
			hosts := old[kind].hosts
			// A Service has no name of its own: it may be any that is not another's.
			return len(hosts) == 0 || slices.Contains(hosts, u.Hostname())
		})
	}
	return serves(gone) && !serves(kept)
}

// stillServed reports whether a server is that of a way in that the cluster keeps.
func stillServed(server string, after Side) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	for _, w := range ways(after.Objects) {
		if slices.Contains(w.hosts, u.Hostname()) {
			return true
		}
	}
	return false
}
