package transition

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"kasou/pipelines/exposure"
)

func ways(s Side) []exposure.Way { return exposure.Of(s.Objects, s.Name) }

// kinds returns the kinds of ways in without those of others, sorted.
func kinds(ways, others []exposure.Way) []string {
	var all []string
	for _, w := range ways {
		if !slices.ContainsFunc(others, func(o exposure.Way) bool { return o.Kind == w.Kind }) {
			all = append(all, w.Kind)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// endpointChanges: a cluster that moves to another way in serves by both for one commit, so
// that nobody loses it while names, routes and credentials follow.
func endpointChanges(before, after Side) []Change {
	old, now := ways(before), ways(after)
	gone, came := kinds(old, now), kinds(now, old)
	stay := slices.DeleteFunc(slices.Clone(now), func(w exposure.Way) bool { return slices.Contains(came, w.Kind) })
	kept := kinds(stay, nil)
	from, to := strings.Join(gone, ", "), strings.Join(slices.Concat(kept, came), ", ")
	c := Change{Effect: Unreachable, Name: "endpoint", From: from, To: cmp.Or(to, "none"), About: ByEndpoint}
	switch {
	case len(gone) > 0 && len(kept) == 0 && len(came) > 0:
		c.Message = fmt.Sprintf("the way in moves from %s to %s in one step: nobody has seen that the new one serves, and the certificate loses the old name", from, to)
		c.Hint = "Keep both for one commit, run kasou register, and take the old one out in another."
	case before.Registered && (len(gone) > 0 || before.Server == after.Server) && loses(before.Server, old, stay):
		c.From = cmp.Or(from, before.Server)
		c.Message = fmt.Sprintf("Argo CD's credential dials %s, and what serves it goes", before.Server)
		c.Hint = "Run kasou register first, and commit the credential of the server that stays."
	case len(gone) == 0 && len(kept) > 0 && len(came) > 0:
		c.Effect, c.Name = Applied, ""
		c.Message = fmt.Sprintf("%s serves beside %s", strings.Join(came, ", "), strings.Join(kept, ", "))
		c.Hint = "Once kasou drift --live finds nothing and kasou register has the new server, take the old one out."
	default:
		return nil
	}
	return []Change{c}
}

// loses reports whether a server is reached by the ways in before, and by none that stays.
// Once some have its name, a Service that has another one does not stand in for them.
func loses(server string, before, stay []exposure.Way) bool {
	host := hostname(server)
	serves := func(w exposure.Way) bool { return w.Serves(host) }
	if slices.ContainsFunc(before, serves) {
		return !slices.ContainsFunc(stay, serves)
	}
	return len(exposure.Serving(before, host)) > 0 && len(exposure.Serving(stay, host)) == 0
}

// stillServed reports whether a way in of the cluster names a server.
func stillServed(server string, after Side) bool {
	return slices.ContainsFunc(ways(after), func(w exposure.Way) bool { return len(w.Hosts) > 0 && w.Serves(hostname(server)) })
}

func hostname(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
