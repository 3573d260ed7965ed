// Package host asks the live host cluster: for its service range, for a
// virtual cluster's kubeconfig, for the sealing certificate. It changes nothing
// there, and is the only package that talks to a Kubernetes API server.
package host

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// DefaultQPS is kubectl's.
const DefaultQPS = 50

// Options say which host to ask, and how patiently.
type Options struct {
	// Kubeconfig is a file to read instead of those that KUBECONFIG or
	// ~/.kube/config name.
	Kubeconfig string
	// Context of the kubeconfig; its current-context where it is empty.
	Context string
	// InCluster uses the ServiceAccount of the pod that kasou runs in, and no
	// kubeconfig. Where there is no kubeconfig at all, that is tried anyway.
	InCluster bool
	// QPS and Burst bound the requests for each second. Default: DefaultQPS, and
	// twice the QPS at once.
	QPS   float32
	Burst int
	// Timeout of one attempt. Default: 15 seconds.
	Timeout time.Duration
	// Retries after a first attempt that met a busy, broken or unreachable
	// server. Default: 3; a negative number means none.
	Retries int
	// ProbeNamespace is where the service range is probed for on hosts that do
	// not have the ServiceCIDR API. Default: default.
	ProbeNamespace string
}

// Host is one cluster. Any number of goroutines may use it.
type Host struct {
	*connection
	kinds kinds
	// certificate guards shown, the one that the API server shows.
	certificate sync.Once
	shown       *x509.Certificate
}

// Open reads the configuration as kubectl does, and makes no request yet. As
// with kubectl, a credential plugin that the kubeconfig names runs with the
// first request; it cannot ask questions. An error is a *ConfigError.
func Open(o Options) (*Host, error) {
	o = o.withDefaults()
	config, err := load(o)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = o.QPS, o.Burst
	config.UserAgent = "kasou"
	// What a server warns of, such as an old API version, is not for people
	// who run a pipeline.
	config.WarningHandler = rest.NoWarnings{}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	if config.ExecProvider != nil {
		config.ExecProvider.StdinUnavailable = true
		config.ExecProvider.StdinUnavailableMessage = "kasou keeps standard input for --kubeconfig -"
	}
	connection, err := connect(config, o)
	if err != nil {
		return nil, &ConfigError{Reason: "it cannot be used: " + plain(err.Error())}
	}
	return &Host{connection: connection, kinds: kinds{host: connection, served: map[schema.GroupVersion][]metav1.APIResource{}}}, nil
}

func (o Options) withDefaults() Options {
	o.QPS = cmp.Or(o.QPS, DefaultQPS)
	o.Burst = cmp.Or(o.Burst, max(1, int(2*o.QPS)))
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.Retries = cmp.Or(o.Retries, 3)
	o.ProbeNamespace = cmp.Or(o.ProbeNamespace, "default")
	return o
}

// Server returns the URL of the host's API server, for messages.
func (h *Host) Server() string { return h.config.Host }

// String returns the host's address and none of its credentials.
func (h *Host) String() string { return fmt.Sprintf("host %s", h.config.Host) }

// GoString is String: %#v would print the credentials.
func (h *Host) GoString() string { return h.String() }
