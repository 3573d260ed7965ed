package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// probeService is the name under which Services are tried, never made.
const probeService = "kasou-service-range"

// The addresses to try are reserved for documentation (RFC 5737, RFC 3849): no
// host has them in its range.
var probeAddresses = []string{"192.0.2.1", "2001:db8::1"}

// probe asks for a Service with an address that cannot be, once for each IP
// family, and reads the range in the refusal.
func probe(ctx context.Context, host *connection) (ServiceRange, error) {
	var found []string
	for _, address := range probeAddresses {
		cidr, err := probeFamily(ctx, host, address)
		if err != nil {
			return ServiceRange{}, err
		}
		if cidr != "" {
			found = append(found, cidr)
		}
	}
	if len(found) == 2 {
		primary, err := primaryFamily(ctx, host)
		if err != nil {
			return ServiceRange{}, err
		}
		if primary == corev1.IPv6Protocol {
			slices.Reverse(found)
		}
	}
	joined, err := join(found)
	if err != nil {
		return ServiceRange{}, &UnknownRangeError{Reason: "the dry run of a Service was refused for every IP family"}
	}
	return ServiceRange{CIDR: joined}, nil
}

// probeFamily returns the range of the address's IP family, or an empty text
// where the host does not have that family.
func probeFamily(ctx context.Context, host *connection, address string) (string, error) {
	_, err := dryRun(ctx, host, corev1.ServiceSpec{ClusterIP: address})
	switch {
	case err == nil:
		return "", &UnknownRangeError{Reason: "it accepts " + address + " as the address of a Service"}
	case !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err):
		return "", err
	}
	message := statusMessage(err)
	if cidr := rangeIn(message, address); cidr != "" {
		return cidr, nil
	}
	if notConfigured.MatchString(message) {
		return "", nil
	}
	return "", &UnknownRangeError{Reason: fmt.Sprintf("it refuses a dry run of a Service with %q", plain(message))}
}

// primaryFamily returns the family that a Service gets on a dual-stack host.
func primaryFamily(ctx context.Context, host *connection) (corev1.IPFamily, error) {
	service, err := dryRun(ctx, host, corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{"app": probeService}})
	if err == nil && len(service.Spec.IPFamilies) > 0 {
		return service.Spec.IPFamilies[0], nil
	}
	if err != nil && !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		return "", err
	}
	return "", &UnknownRangeError{Reason: "it has a range for IPv4 and one for IPv6, and does not say which is the first"}
}

// dryRun asks for a Service as if to make it. dryRun=All keeps the API server
// from storing anything.
func dryRun(ctx context.Context, host *connection, spec corev1.ServiceSpec) (*corev1.Service, error) {
	spec.Ports = []corev1.ServicePort{{Port: 443}}
	namespace := host.options.ProbeNamespace
	body, err := json.Marshal(corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: probeService, Namespace: namespace},
		Spec:       spec,
	})
	if err != nil {
		return nil, err
	}
	service := &corev1.Service{}
	err = host.decode(ctx, call{
		doing: "probing the host's service range",
		query: map[string]string{"dryRun": metav1.DryRunAll},
		body:  body,
		needs: Permission{Verb: "create", Resource: "services", Namespace: namespace},
	}, service)
	if apierrors.IsNotFound(err) {
		return nil, &UnknownRangeError{Reason: "it has no namespace " + namespace + " to try a Service in"}
	}
	return service, err
}

var (
	// Kubernetes 1.19: "provided IP is not in the valid range. The range of
	// valid IPs is 10.96.0.0/12"; from 1.20 on "failed to allocate IP 192.0.2.1:
	// the provided IP (192.0.2.1) is not in the valid range. The range of …".
	rangeWording = regexp.MustCompile(`(?i)(?:valid range|range of valid|valid ips?)`)
	cidrWording  = regexp.MustCompile(`[0-9A-Fa-f:.]+/[0-9]{1,3}`)
	// "IPv6 is not configured on this cluster", "not configured on this cluster".
	notConfigured = regexp.MustCompile(`(?i)not configured on this cluster`)
)

// rangeIn returns the one range of the address's family that a refusal names.
func rangeIn(message, address string) string {
	at := rangeWording.FindStringIndex(message)
	if at == nil {
		return ""
	}
	family := netip.MustParseAddr(address).Is4()
	var found []string
	for _, text := range cidrWording.FindAllString(message[at[0]:], -1) {
		prefix, err := netip.ParsePrefix(strings.Trim(text, "."))
		if err == nil && prefix.Addr().Is4() == family {
			found = append(found, prefix.Masked().String())
		}
	}
	found = slices.Compact(found)
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

func statusMessage(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Message
	}
	return ""
}
