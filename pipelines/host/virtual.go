package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"syscall"

	authv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"kasou/pipelines/credential"
)

// SilentError is a virtual cluster that does not answer as it should: nobody
// listens at its address, or who does is another, or does not know the
// credential.
type SilentError struct {
	Server string
	Reason string
}

func (e *SilentError) Error() string { return e.Server + " " + e.Reason }

// Answers asks a virtual cluster at its server whether it takes the credential,
// as Argo CD would: with the credential's CA, through the proxy of HTTPS_PROXY
// if there is one. It asks what it may do, which every cluster answers to
// everyone whom it knows, and to nobody else. The errors are a *SilentError,
// and an *UnreachableError where the address cannot be reached from here, which
// says nothing of the cluster.
func Answers(ctx context.Context, server string, cred credential.Credential, o Options) error {
	o = o.withDefaults()
	config := &rest.Config{
		Host: server, BearerToken: cred.BearerToken, UserAgent: "kasou",
		TLSClientConfig: rest.TLSClientConfig{
			CAData: cred.CAData, CertData: cred.CertData, KeyData: cred.KeyData, ServerName: cred.ServerName,
		},
		ContentConfig:  rest.ContentConfig{NegotiatedSerializer: scheme.Codecs.WithoutConversion()},
		WarningHandler: rest.NoWarnings{},
	}
	virtual, err := connect(config, o)
	if err != nil {
		return &SilentError{Server: server, Reason: "cannot be asked: its credential cannot be used"}
	}
	review := authv1.SelfSubjectAccessReview{Spec: authv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authv1.ResourceAttributes{Verb: "list", Resource: "namespaces"},
	}}
	review.APIVersion, review.Kind = "authorization.k8s.io/v1", "SelfSubjectAccessReview"
	body, err := json.Marshal(review)
	if err != nil {
		return err
	}
	return silence(server, virtual.decode(ctx, call{
		doing: "asking " + server, body: body,
		needs: Permission{Verb: "create", Group: "authorization.k8s.io", Resource: "selfsubjectaccessreviews"},
		alone: true, // client-go would keep one open, to whoever answered last time
	}, &authv1.SelfSubjectAccessReview{}))
}

// silence tells an answer that is no good from an address that is out of reach.
func silence(server string, err error) error {
	var unauthorized *UnauthorizedError
	var forbidden *ForbiddenError
	var unreachable *UnreachableError
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &unauthorized):
		return &SilentError{Server: server, Reason: "does not accept the registered credential (HTTP 401)"}
	case errors.As(err, &forbidden):
		return &SilentError{Server: server, Reason: "does not know who asks with the registered credential (HTTP 403)"}
	case errors.As(err, &unreachable) && outOfReach(unreachable.Err):
		return err
	case errors.As(err, &unreachable):
		return &SilentError{Server: server, Reason: "does not answer as a cluster: " + unreachable.Reason}
	case apierrors.IsNotFound(err):
		return &SilentError{Server: server, Reason: "is not a Kubernetes API server (HTTP 404)"}
	}
	return &SilentError{Server: server, Reason: "does not answer as a cluster: " + said(err)}
}

// outOfReach reports whether no server was reached: no name, no route, no answer in
// time. A refused connection comes from the server's machine.
func outOfReach(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var dial *net.OpError
	switch {
	case errors.As(err, &verification), errors.As(err, &authority), errors.Is(err, syscall.ECONNREFUSED):
		return false
	case errors.Is(err, context.DeadlineExceeded):
		return true
	}
	return errors.As(err, &dial) && (dial.Op == "dial" || dial.Op == "proxyconnect")
}
