package host

import (
	"context"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// NodeAddresses returns the IP addresses of all nodes of the host, inner and outer, sorted;
// names of nodes are left out. The errors are those of a host that cannot be asked.
func NodeAddresses(ctx context.Context, h *Host) ([]netip.Addr, error) {
	type node struct {
		Status struct {
			Addresses []corev1.NodeAddress `json:"addresses"`
		} `json:"status"`
	}
	nodes, err := listAll[node](ctx, h.connection, call{doing: "listing the addresses of nodes", version: "v1",
		needs: Permission{Verb: "list", Resource: "nodes"}})
	var all []netip.Addr
	for _, n := range nodes {
		for _, a := range n.Status.Addresses {
			if ip, err := netip.ParseAddr(a.Address); err == nil {
				all = append(all, ip.Unmap())
			}
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all), err
}
