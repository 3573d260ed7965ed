package host

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Where the Sealed Secrets controller is, unless a person says otherwise.
const (
	DefaultControllerNamespace = "kube-system"
	// DefaultController is the Service's name in the manifests and charts that
	// kubeseal expects; AlternativeController is the Helm chart's own default.
	DefaultController     = "sealed-secrets-controller"
	AlternativeController = "sealed-secrets"
)

// maximumCertificate bounds what is read: a certificate has a few KB.
const maximumCertificate = 1 << 20

// NoControllerError is a host without a Sealed Secrets controller where kasou
// looked.
type NoControllerError struct {
	Namespace string
	Names     []string
}

func (e *NoControllerError) Error() string {
	return fmt.Sprintf("there is no Sealed Secrets controller at the Service %s in namespace %s: write its Service into sealing.controller of fleet.yaml, NAMESPACE/NAME, or give its certificate as a file or an https URL",
		strings.Join(e.Names, " or "), e.Namespace)
}

// SealingCertificate returns what the Sealed Secrets controller serves as its
// certificate, through the API server's proxy, as kubeseal --fetch-cert does.
// It is not checked: that is seal's to do. controller is its Service, NAMESPACE/NAME; where
// it is empty both usual names are tried in kube-system. The errors are a
// *NoControllerError, and those of a host that cannot be asked.
func SealingCertificate(ctx context.Context, h *Host, controller string) ([]byte, error) {
	namespace, name, _ := strings.Cut(controller, "/")
	namespace = cmp.Or(namespace, DefaultControllerNamespace)
	names := []string{name}
	if name == "" {
		names = []string{DefaultController, AlternativeController}
	}
	for _, name := range names {
		data, err := servedCertificate(ctx, h.connection, namespace, name)
		if err == nil || !apierrors.IsNotFound(err) {
			return data, err
		}
	}
	return nil, &NoControllerError{Namespace: namespace, Names: names}
}

// proxyNames are scheme:name:port. The controller's own manifest leaves the
// port without a name, its chart calls it http; the Role
// sealed-secrets-service-proxier that it comes with allows both to everyone.
func proxyNames(name string) []string {
	return []string{"http:" + name + ":", "http:" + name + ":http"}
}

func servedCertificate(ctx context.Context, host *connection, namespace, name string) (data []byte, err error) {
	for _, proxied := range proxyNames(name) {
		data, err = host.do(ctx, call{
			doing: fmt.Sprintf("reading the certificate of the Sealed Secrets controller %s/%s", namespace, name),
			path:  proxyService(namespace, proxied).path("v1") + "/v1/cert.pem",
			needs: proxyService(namespace, proxyNames(name)...),
			limit: maximumCertificate,
			final: noSuchPort,
		})
		if !noSuchPort(err) {
			return data, err
		}
	}
	return data, err
}

// noSuchPort is the API server's answer for a port's name that the Service does
// not have. A Service without a running pod gets the same.
func noSuchPort(err error) bool {
	return err != nil && strings.Contains(statusMessage(err), "no endpoints available")
}
