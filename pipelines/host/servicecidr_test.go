package host

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

const (
	listV1   = "GET /apis/networking.k8s.io/v1/servicecidrs"
	listBeta = "GET /apis/networking.k8s.io/v1beta1/servicecidrs"
	create   = "POST /api/v1/namespaces/default/services"
)

func object(name string, state metav1.ConditionStatus, cidrs ...string) networkingv1.ServiceCIDR {
	o := networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: cidrs}}
	if state != "" {
		o.Status.Conditions = []metav1.Condition{{Type: networkingv1.ServiceCIDRConditionReady, Status: state}}
	}
	return o
}

func list(objects ...networkingv1.ServiceCIDR) http.HandlerFunc {
	return reply(http.StatusOK, networkingv1.ServiceCIDRList{
		TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "ServiceCIDRList"}, Items: objects,
	})
}

func TestServiceCIDRObjects(t *testing.T) {
	yes, no := metav1.ConditionTrue, metav1.ConditionFalse
	deleted := object("old", yes, "10.0.0.0/16")
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
	for _, test := range []struct {
		name    string
		objects []networkingv1.ServiceCIDR
		want    ServiceRange
		kind    string
	}{
		{"one", []networkingv1.ServiceCIDR{object("kubernetes", yes, "10.96.0.0/16")}, ServiceRange{CIDR: "10.96.0.0/16"}, ""},
		{"dual stack", []networkingv1.ServiceCIDR{object("kubernetes", yes, "10.96.0.0/16", "fd00:10:96::/112")}, ServiceRange{CIDR: "10.96.0.0/16,fd00:10:96::/112"}, ""},
		{"IPv6 first", []networkingv1.ServiceCIDR{object("kubernetes", yes, "fd00:10:96::/112", "10.96.0.0/16")}, ServiceRange{CIDR: "fd00:10:96::/112,10.96.0.0/16"}, ""},
		{"added ones, in any order", []networkingv1.ServiceCIDR{object("b", yes, "10.30.0.0/16"), object("kubernetes", yes, "10.96.0.0/16"), object("a", yes, "10.20.0.0/16"), object("c", yes, "10.96.0.0/16")}, ServiceRange{CIDR: "10.96.0.0/16", Others: []string{"10.20.0.0/16", "10.30.0.0/16"}}, ""},
		{"one that is not ready", []networkingv1.ServiceCIDR{object("kubernetes", yes, "10.96.0.0/16"), object("a", no, "10.20.0.0/16"), object("b", "", "10.30.0.0/16"), deleted}, ServiceRange{CIDR: "10.96.0.0/16"}, ""},
		{"another name", []networkingv1.ServiceCIDR{object("main", yes, "10.96.0.0/16")}, ServiceRange{CIDR: "10.96.0.0/16"}, ""},
		{"two that could be it", []networkingv1.ServiceCIDR{object("a", yes, "10.96.0.0/16"), object("b", yes, "10.20.0.0/16")}, ServiceRange{}, "unknown range"},
		{"none ready", []networkingv1.ServiceCIDR{object("kubernetes", no, "10.96.0.0/16")}, ServiceRange{}, "unknown range"},
		{"garbage", []networkingv1.ServiceCIDR{object("kubernetes", yes, "everything")}, ServiceRange{}, "unknown range"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, version := range []string{listV1, listBeta} {
				s := serve(t, map[string]http.HandlerFunc{version: list(test.objects...)})
				got, err := ServiceCIDRs(background(t), opened(t, s, Options{}))
				if kindOf(err) != test.kind {
					t.Fatalf("error %v, want %q", err, test.kind)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
				for _, request := range s.requests() {
					if strings.HasPrefix(request, "POST") {
						t.Errorf("%s: the objects had told", request)
					}
				}
			}
		})
	}
}

// refusals answers a dry run for each address as recorded API servers do.
func refusals(t *testing.T, v4, v6 string, primary corev1.IPFamily) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("dryRun") != metav1.DryRunAll {
			t.Errorf("%s %s is not a dry run", r.Method, r.URL)
		}
		var service corev1.Service
		if err := json.NewDecoder(r.Body).Decode(&service); err != nil {
			t.Error(err)
		}
		if service.Spec.ClusterIP == corev1.ClusterIPNone {
			service.Spec.IPFamilies = []corev1.IPFamily{primary}
			reply(http.StatusCreated, service)(w, r)
			return
		}
		message := v6
		if netip.MustParseAddr(service.Spec.ClusterIP).Is4() {
			message = v4
		}
		if message == "accepted" {
			reply(http.StatusCreated, service)(w, r)
			return
		}
		invalid(message)(w, r)
	}
}

func TestServiceCIDRProbe(t *testing.T) {
	const (
		prefix = `Service "kasou-service-range" is invalid: `
		// Kubernetes 1.20 to 1.32.
		in4 = prefix + `spec.clusterIPs: Invalid value: []string{"192.0.2.1"}: failed to allocate IP 192.0.2.1: the provided IP (192.0.2.1) is not in the valid range. The range of valid IPs is 10.96.0.0/12`
		in6 = prefix + `spec.clusterIPs: Invalid value: []string{"2001:db8::1"}: failed to allocate IP 2001:db8::1: the provided IP (2001:db8::1) is not in the valid range. The range of valid IPs is fd00:10:96::/112`
		no4 = prefix + `[spec.clusterIPs[0]: Invalid value: []string{"192.0.2.1"}: IPv4 is not configured on this cluster, spec.ipFamilies[0]: Invalid value: "IPv4": not configured on this cluster]`
		no6 = prefix + `spec.clusterIPs[0]: Invalid value: []string{"2001:db8::1"}: IPv6 is not configured on this cluster`
		// Up to 1.19.
		old4 = prefix + `spec.clusterIP: Invalid value: "192.0.2.1": provided IP is not in the valid range. The range of valid IPs is 10.43.0.0/16`
		// 1.33 on.
		new4 = prefix + `spec.clusterIPs: Invalid value: ["192.0.2.1"]: failed to allocate IP 192.0.2.1: the provided network does not match the current range`
	)
	for _, test := range []struct {
		name, v4, v6, want, kind string
		primary                  corev1.IPFamily
	}{
		{"IPv4", in4, no6, "10.96.0.0/12", "", ""},
		{"IPv4 of old", old4, no6, "10.43.0.0/16", "", ""},
		{"IPv6", no4, in6, "fd00:10:96::/112", "", ""},
		{"dual stack", in4, in6, "10.96.0.0/12,fd00:10:96::/112", "", corev1.IPv4Protocol},
		{"dual stack, IPv6 first", in4, in6, "fd00:10:96::/112,10.96.0.0/12", "", corev1.IPv6Protocol},
		{"dual stack, nobody knows which first", in4, in6, "", "unknown range", ""},
		{"no range in it", new4, no6, "", "unknown range", ""},
		{"the other family unclear", in4, new4, "", "unknown range", ""},
		{"the address accepted", "accepted", no6, "", "unknown range", ""},
		{"no family at all", no4, no6, "", "unknown range", ""},
		{"a webhook with a range of its own", prefix + "admission webhook: 172.16.0.0/12 is reserved", no6, "", "unknown range", ""},
		{"two ranges", in4 + " or 10.112.0.0/12", no6, "", "unknown range", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := refusals(t, test.v4, test.v6, test.primary)
			if test.primary == "" {
				answer = withoutFamilies(answer)
			}
			s := serve(t, map[string]http.HandlerFunc{create: answer})
			got, err := ServiceCIDRs(background(t), opened(t, s, Options{}))
			if kindOf(err) != test.kind || got.CIDR != test.want {
				t.Fatalf("%q, error %v; want %q, %q", got.CIDR, err, test.want, test.kind)
			}
		})
	}
}

// withoutFamilies is a server too old to know ipFamilies.
func withoutFamilies(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		next(dropFamilies{w}, r)
	}
}

type dropFamilies struct{ http.ResponseWriter }

func (d dropFamilies) Write(p []byte) (int, error) {
	text := strings.Replace(string(p), `"ipFamilies":[""]`, `"ipFamilies":[]`, 1)
	_, err := d.ResponseWriter.Write([]byte(text))
	return len(p), err
}

func TestServiceCIDRForbidden(t *testing.T) {
	const inRange = `not in the valid range. The range of valid IPs is 10.96.0.0/12`
	for _, test := range []struct {
		name    string
		answers map[string]http.HandlerFunc
		want    string
		needs   string
	}{
		{"an old host forbids what it does not have", map[string]http.HandlerFunc{listV1: forbidden("servicecidrs"), create: refusals(t, inRange, "IPv6 is not configured on this cluster", "")}, "10.96.0.0/12", ""},
		{"a new host", map[string]http.HandlerFunc{listV1: forbidden("servicecidrs"), create: refusals(t, "does not match the current range", "", "")}, "", "list servicecidrs.networking.k8s.io"},
		{"both", map[string]http.HandlerFunc{listV1: forbidden("servicecidrs"), create: forbidden("services")}, "", "create services in namespace default"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ServiceCIDRs(background(t), opened(t, serve(t, test.answers), Options{}))
			if got.CIDR != test.want || (err == nil) != (test.needs == "") {
				t.Fatalf("%q, error %v", got.CIDR, err)
			}
			if err != nil && (kindOf(err) != "forbidden" || !strings.Contains(err.Error(), test.needs)) {
				t.Errorf("error %v does not name %q", err, test.needs)
			}
		})
	}
}

func TestServiceCIDRFindings(t *testing.T) {
	c := fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml"}
	unknown := &UnknownRangeError{Reason: "it says nothing"}
	f := &fleet.Fleet{File: "clusters/fleet.yaml"}
	if found := unknown.Finding(f, c); found.File != c.File || found.Rule != RuleServiceCIDRUnknown || !strings.Contains(found.Hint, "spec.host.serviceCIDR") {
		t.Errorf("%v", found)
	}
	f.Spec.Host.ServiceCIDR = fleet.AutoCIDR
	if found := unknown.Finding(f, c); found.File != f.File || found.Cluster != "dev" || found.Severity != finding.Error {
		t.Errorf("%v", found)
	}
	if found := (ServiceRange{CIDR: "10.96.0.0/16"}).Findings(c); len(found) > 0 {
		t.Errorf("%v", found)
	}
	found := ServiceRange{CIDR: "10.96.0.0/16", Others: []string{"10.20.0.0/16"}}.Findings(c)
	if len(found) != 1 || found[0].Rule != RuleServiceCIDROthers || found[0].Severity != finding.Warning || !strings.Contains(found[0].Message, "10.20.0.0/16") {
		t.Errorf("%v", found)
	}
}
