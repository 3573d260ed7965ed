package host

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"k8s.io/client-go/tools/clientcmd"
)

const testToken = "host-token-canary-0123456789"

// apiServer answers by path; the longest prefix wins.
type apiServer struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

// serve starts an API server over TLS that wants the token. Answers are by
// "METHOD path".
func serve(t *testing.T, answers map[string]http.HandlerFunc) *apiServer {
	t.Helper()
	s := &apiServer{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Method + " " + r.URL.Path
		s.mu.Lock()
		s.asked = append(s.asked, strings.TrimSuffix(key+"?"+r.URL.RawQuery, "?"))
		s.mu.Unlock()
		switch answer := answers[key]; {
		case r.Header.Get("Authorization") != "Bearer "+testToken:
			status(w, http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "Unauthorized")
		case answer == nil:
			notFound(w, r)
		default:
			answer(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// kubeconfig writes one for the server, and gives its path.
func (s *apiServer) kubeconfig(t *testing.T) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["host"] = &clientcmdapi.Cluster{Server: s.URL, CertificateAuthorityData: pemOf(s)}
	config.AuthInfos["me"] = &clientcmdapi.AuthInfo{Token: testToken}
	config.Contexts["here"] = &clientcmdapi.Context{Cluster: "host", AuthInfo: "me"}
	config.CurrentContext = "here"
	return write(t, *config)
}

func pemOf(s *apiServer) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func write(t *testing.T, config clientcmdapi.Config) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(config, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// opened returns a host with pauses too short to notice.
func opened(t *testing.T, s *apiServer, o Options) *Host {
	t.Helper()
	o.Kubeconfig = s.kubeconfig(t)
	o.QPS, o.Burst = 1000, 1000
	h, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	h.backoff = wait.Backoff{Duration: time.Millisecond, Factor: 1, Steps: 9}
	return h
}

func reply(code int, object any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(object)
	}
}

func text(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func status(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	reply(code, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})(w, nil)
}

func refuse(code int, reason metav1.StatusReason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { status(w, code, reason, message) }
}

func notFound(w http.ResponseWriter, r *http.Request) {
	status(w, http.StatusNotFound, metav1.StatusReasonNotFound, r.URL.Path+" not found")
}

func invalid(message string) http.HandlerFunc {
	return refuse(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, message)
}

func forbidden(what string) http.HandlerFunc {
	return refuse(http.StatusForbidden, metav1.StatusReasonForbidden, what+` is forbidden: User "system:serviceaccount:ci:kasou" cannot do it`)
}

// secretOf answers with the Secret dev/vc-dev.
func secretOf(data map[string][]byte) http.HandlerFunc {
	return reply(http.StatusOK, corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: "vc-dev", Namespace: "dev"}, Data: data,
	})
}

const secretPath = "GET /api/v1/namespaces/dev/secrets/vc-dev"

var dev = KubeconfigRequest{Namespace: "dev", Name: "dev"}

func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func kindOf(err error) string {
	var (
		unknown      *UnknownRangeError
		forbidden    *ForbiddenError
		unauthorized *UnauthorizedError
		unreachable  *UnreachableError
		controller   *NoControllerError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &unknown):
		return "unknown range"
	case errors.As(err, &forbidden):
		return "forbidden"
	case errors.As(err, &unauthorized):
		return "unauthorized"
	case errors.As(err, &unreachable):
		return "unreachable"
	case errors.As(err, &controller):
		return "no controller"
	}
	return "other: " + err.Error()
}

func TestMain(m *testing.M) {
	// Nobody's own cluster is asked.
	for _, name := range []string{"KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KUBERNETES_MASTER"} {
		_ = os.Unsetenv(name)
	}
	home, err := os.MkdirTemp("", "kasou-home")
	if err != nil {
		panic(err)
	}
	_ = os.Setenv("HOME", home)
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}
