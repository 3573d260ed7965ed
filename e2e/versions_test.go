package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/e2e/internal/build"
)

// The hosts are what the other tests take them for.
func TestVersions(t *testing.T) {
	with := map[bool]bool{}
	onEveryVersion(t, func(t *testing.T, env *environment) {
		client := clientOf(t, env.host)
		info, err := client.Discovery().ServerVersion()
		if err != nil {
			t.Fatal(err)
		}
		if want, err := build.APIServer(env.version.minor).Version(); err != nil || info.GitVersion != want {
			t.Errorf("it says that it is %s, want %s (%v)", info.GitVersion, want, err)
		}
		list, err := client.NetworkingV1().ServiceCIDRs().List(t.Context(), metav1.ListOptions{})
		has := err == nil && len(list.Items) > 0
		if has != env.version.serviceCIDRs || err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("ServiceCIDR objects: %t, want %t (%v)", has, env.version.serviceCIDRs, err)
		}
		with[has] = true
	})
	if !t.Failed() && (!with[true] || !with[false]) {
		t.Error("the versions must be some with and some without the ServiceCIDR API")
	}
}

// The controller unseals what kasou seals with the same version.
func TestTheControllerIsOfKasousVersion(t *testing.T) {
	want, err := build.Required(t.Context(), build.SealedSecrets)
	must(t, err)
	if got, err := build.Controller.Version(); err != nil || got != want {
		t.Errorf("the controller is %s, kasou seals with %s (%v): change parts/sealed-secrets", got, want, err)
	}
}

// What a host without ServiceCIDR objects says of a bad address is all that
// there is to learn its range from; the newer ones say less.
func TestAServiceOutsideTheRangeIsRefused(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		services := clientOf(t, env.host).CoreV1().Services("default")
		_, err := services.Create(t.Context(), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "kasou-e2e-"},
			Spec:       corev1.ServiceSpec{ClusterIP: "4.4.4.4", Ports: []corev1.ServicePort{{Port: 443}}},
		}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if !apierrors.IsInvalid(err) {
			t.Fatalf("error %v, want Invalid", err)
		}
		t.Log(err)
		if !env.version.serviceCIDRs && !strings.Contains(err.Error(), "10.96.0.0/16") {
			t.Errorf("the error does not tell the range: %v", err)
		}
	})
}
