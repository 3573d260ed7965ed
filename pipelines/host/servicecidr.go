package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ServiceRange is the host's service range.
type ServiceRange struct {
	// CIDR is one range, or one of each IP family joined by a comma, the
	// primary family first: as serviceCIDR in a spec.
	CIDR string
	// Others are further ranges that people added to the host by ServiceCIDR
	// objects, sorted. A Service can get an address of theirs, too.
	Others []string
}

// defaultServiceCIDR is the object that the API server makes of its
// --service-cluster-ip-range.
const defaultServiceCIDR = "kubernetes"

// UnknownRangeError is a host whose service range nothing tells. It is for a
// person to write it down; kasou assumes none.
type UnknownRangeError struct{ Reason string }

func (e *UnknownRangeError) Error() string {
	return "the host does not tell its service range: " + e.Reason
}

// ServiceCIDRs returns the host's service range: that of the ServiceCIDR objects
// (networking.k8s.io/v1 from Kubernetes 1.33 on, v1beta1 from 1.31), else what
// a refused dry run of a Service says, as vcluster itself asks. It leaves no
// object behind. The errors are *UnknownRangeError, and those of a host that
// cannot be asked.
func ServiceCIDRs(ctx context.Context, h *Host) (ServiceRange, error) {
	objects, err := serviceCIDRObjects(ctx, h.connection)
	var forbidden *ForbiddenError
	if err != nil && !errors.As(err, &forbidden) {
		return ServiceRange{}, err
	}
	if len(objects) > 0 {
		return rangeOf(objects)
	}
	found, err := probe(ctx, h.connection)
	var unknown *UnknownRangeError
	if forbidden != nil && errors.As(err, &unknown) {
		// An old host forbids what it does not have. This one has it.
		return ServiceRange{}, forbidden
	}
	return found, err
}

// serviceCIDRObjects lists them by the newest version that the host has; none
// where it has no such API.
func serviceCIDRObjects(ctx context.Context, host *connection) ([]networkingv1.ServiceCIDR, error) {
	for _, version := range []string{"v1", "v1beta1"} {
		var list networkingv1.ServiceCIDRList // the two versions have the same fields
		err := host.decode(ctx, call{
			doing: "reading the host's service range", version: version,
			needs: Permission{Verb: "list", Group: "networking.k8s.io", Resource: "servicecidrs"},
		}, &list)
		switch {
		case err == nil:
			return list.Items, nil
		case !apierrors.IsNotFound(err):
			return nil, err
		}
	}
	return nil, nil
}

// rangeOf takes the API server's own range. Where its object is not there or
// not ready, the others must leave no choice.
func rangeOf(objects []networkingv1.ServiceCIDR) (ServiceRange, error) {
	var own, others []string
	for _, o := range objects {
		switch {
		case !ready(o):
		case o.Name == defaultServiceCIDR:
			own = o.Spec.CIDRs
		default:
			others = append(others, o.Spec.CIDRs...)
		}
	}
	slices.Sort(others)
	others = slices.DeleteFunc(slices.Compact(others), func(cidr string) bool { return slices.Contains(own, cidr) })
	if len(own) == 0 {
		own, others = others, nil
	}
	joined, err := join(own)
	if err != nil {
		return ServiceRange{}, &UnknownRangeError{Reason: fmt.Sprintf("of its %d ServiceCIDR objects %s", len(objects), err)}
	}
	return ServiceRange{CIDR: joined, Others: others}, nil
}

func ready(o networkingv1.ServiceCIDR) bool {
	return o.DeletionTimestamp == nil && slices.ContainsFunc(o.Status.Conditions, func(c metav1.Condition) bool {
		return c.Type == networkingv1.ServiceCIDRConditionReady && c.Status == metav1.ConditionTrue
	})
}

// join wants one range, or one of each family, and keeps their order.
func join(cidrs []string) (string, error) {
	families := map[bool]int{}
	var parts []string
	for _, cidr := range cidrs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return "", errors.New("one has no valid range")
		}
		families[prefix.Addr().Is4()]++
		parts = append(parts, prefix.Masked().String())
	}
	switch {
	case len(parts) == 0:
		return "", errors.New("none is ready")
	case families[true] > 1 || families[false] > 1:
		return "", fmt.Errorf("several could be it: %s", strings.Join(parts, ", "))
	}
	return strings.Join(parts, ","), nil
}

// Has reports whether every range in cidr, joined by commas as in a spec, is one of
// the host's: a person may write one family of two, or a range that was added.
func (r ServiceRange) Has(cidr string) bool {
	known := append(strings.Split(r.CIDR, ","), r.Others...)
	for _, part := range strings.Split(cidr, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(part))
		if err != nil || !slices.Contains(known, prefix.Masked().String()) {
			return false
		}
	}
	return true
}
