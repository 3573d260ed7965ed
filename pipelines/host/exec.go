package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

const (
	syncerContainer = "syncer"
	syncerFile      = "/root/.kube/config"
	// maximumFile bounds what a pod can send: a kubeconfig has a few KB.
	maximumFile = 1 << 20
)

// execKubeconfig runs cat in the syncer, as people did by hand.
func execKubeconfig(ctx context.Context, host *connection, namespace, pod string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, host.options.Timeout)
	defer cancel()
	executor, refused, err := executorOf(host.config, host.client.Get().
		AbsPath(createExec(namespace, pod).path("v1")).
		Param("container", syncerContainer).Param("command", "cat").Param("command", syncerFile).
		Param("stdout", "true").Param("stderr", "true").URL())
	doing := fmt.Sprintf("reading %s in the pod %s/%s", syncerFile, namespace, pod)
	if err != nil {
		return nil, &UnreachableError{Doing: doing, Reason: plain(err.Error()), Err: err}
	}
	out, problems := &bounded{limit: maximumFile}, &bounded{limit: maximumFile}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: out, Stderr: problems})
	if err != nil && refused.err != nil {
		err = refused.err
	}
	switch exit := (exec.CodeExitError{}); {
	case errors.As(err, &exit):
		return nil, fmt.Errorf("%s: cat ended with exit code %d", doing, exit.Code)
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("%s: there is no such pod", doing)
	case err != nil:
		return nil, host.classify(call{doing: doing, needs: createExec(namespace, pod)}, err)
	case out.full:
		return nil, fmt.Errorf("%s: %w", doing, errTooLong)
	case out.buffer.Len() == 0:
		return nil, fmt.Errorf("%s: the file is empty", doing)
	}
	return out.buffer.Bytes(), nil
}

// executorOf returns one that talks as kubectl does: over a WebSocket, and over SPDY with
// hosts and proxies that do not know that; and the answers to the latter.
func executorOf(config *rest.Config, target *url.URL) (remotecommand.Executor, *answers, error) {
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, nil, err
	}
	refused := &answers{next: transport}
	streams, err := remotecommand.NewSPDYExecutorForTransports(refused, upgrader, http.MethodPost, target)
	if err != nil {
		return nil, nil, err
	}
	socket, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, target.String())
	if err != nil {
		return nil, nil, err
	}
	executor, err := remotecommand.NewFallbackExecutor(socket, streams, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	return executor, refused, err
}

// answers keeps what client-go's SPDY turns into mere text: the answer of a
// server that does not open the connection.
type answers struct {
	next http.RoundTripper
	// err is the refusal.
	err error
}

// RoundTrip returns and keeps an error that apierrors knows for every answer but a 101; so
// no redirect is followed, either.
func (a *answers) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := a.next.RoundTrip(request)
	if err != nil || response.StatusCode == http.StatusSwitchingProtocols {
		return response, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maximumFile))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	refused := &apierrors.StatusError{}
	if json.Unmarshal(body, &refused.ErrStatus) == nil && refused.ErrStatus.Kind == "Status" {
		a.err = refused
	} else {
		a.err = apierrors.NewGenericServerResponse(response.StatusCode, request.Method, schema.GroupResource{Resource: "pods"}, "", "", 0, true)
	}
	return nil, a.err
}

// bounded is a buffer that refuses to grow without end.
type bounded struct {
	// Not embedded: io.Copy would use its ReadFrom, which knows no limit.
	buffer bytes.Buffer
	limit  int
	// full is set once something did not fit: the executor drops the error.
	full bool
}

// Write fails with errTooLong once the limit is passed.
func (b *bounded) Write(p []byte) (int, error) {
	if b.full = b.full || b.buffer.Len()+len(p) > b.limit; b.full {
		return 0, errTooLong
	}
	return b.buffer.Write(p)
}
