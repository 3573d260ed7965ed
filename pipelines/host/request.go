package host

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
)

// maximumAnswer bounds what is read: an object has at most 1.5 MiB, a page of
// 500 objects' metadata a few.
const maximumAnswer = 32 << 20

// maximumDelay bounds what a server can ask for in Retry-After.
const maximumDelay = 30 * time.Second

var errTooLong = errors.New("its answer is far too long")

// connection is a way to an API server, and the patience with it.
type connection struct {
	options Options
	config  *rest.Config
	client  *rest.RESTClient
	// backoff has the pauses between attempts.
	backoff wait.Backoff
}

var errRedirect = errors.New("it sends kasou to another server, and kasou does not follow")

// connect returns a connection that follows no redirect: the transport would send the
// bearer token along to whatever server that is.
func connect(config *rest.Config, o Options) (*connection, error) {
	made, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	following := *made // it can be http.DefaultClient
	following.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirect }
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, &following)
	return &connection{options: o, config: config, client: client,
		backoff: wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 16, Cap: 5 * time.Second}}, err
}

// call is one request. It must be safe to repeat.
type call struct {
	// doing says what for, as "reading …".
	doing string
	// needs is the permission that it takes, whose path in a version of its API group
	// (v1 where it is empty) is asked for; where path is set, that.
	needs         Permission
	version, path string
	// query and body make it a POST where there is a body, and a patch of a type
	// where one is set.
	query map[string]string
	body  []byte
	patch types.PatchType
	// accept is the form of the answer, where it is not plain JSON.
	accept string
	// alone has the request make a connection of its own.
	alone bool
	// limit of the answer, in bytes; 0 means maximumAnswer.
	limit int64
	// final says which errors no second attempt would change.
	final func(error) bool
}

// do returns the answer's body. It tries again, with growing pauses, where the
// server is busy, broken or not there.
func (h *connection) do(ctx context.Context, c call) ([]byte, error) {
	backoff := h.backoff
	for attempt := 0; ; attempt++ {
		data, err := h.once(ctx, c)
		if err == nil {
			return data, nil
		}
		// A caller that gave up is not a fault of the server.
		if ctx.Err() != nil || attempt >= h.options.Retries || !retryable(err) || c.final != nil && c.final(err) {
			return nil, h.classify(c, errors.Join(err, ctx.Err()))
		}
		if err := pause(ctx, max(backoff.Step(), asked(err))); err != nil {
			return nil, h.classify(c, err)
		}
	}
}

// decode is do for an object. Decoders' messages can quote what they read, so
// none is kept.
func (h *connection) decode(ctx context.Context, c call, into any) error {
	data, err := h.do(ctx, c)
	if err != nil {
		return err
	}
	if json.Unmarshal(data, into) != nil {
		return h.classify(c, errGarbage)
	}
	return nil
}

func (h *connection) once(ctx context.Context, c call) (data []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.options.Timeout)
	defer cancel()
	request := h.client.Get()
	switch {
	case c.patch != "":
		request = h.client.Patch(c.patch).Body(c.body)
	case c.body != nil:
		request = h.client.Post().Body(c.body).SetHeader("Content-Type", "application/json")
	}
	for key, value := range c.query {
		request = request.Param(key, value)
	}
	if c.accept != "" {
		request.SetHeader("Accept", c.accept)
	}
	if c.alone {
		request.SetHeader("Connection", "close")
	}
	// client-go's own retries know no limit to Retry-After.
	stream, err := request.AbsPath(cmp.Or(c.path, c.needs.path(cmp.Or(c.version, "v1")))).MaxRetries(0).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	return readBounded(stream, cmp.Or(c.limit, maximumAnswer))
}

// readBounded returns all of r, or errTooLong where that is more than limit bytes.
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLong
	}
	return data, err
}

// pageSize is client-go's own for lists.
const pageSize = "500"

// listAll returns all the items of a list, which it reads in pages.
func listAll[T any](ctx context.Context, h *connection, c call) (all []T, err error) {
	c.query = map[string]string{"limit": pageSize}
	for {
		var page struct {
			Metadata metav1.ListMeta `json:"metadata"`
			Items    []T             `json:"items"`
		}
		if err := h.decode(ctx, c, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Metadata.Continue == "" {
			return all, nil
		}
		c.query["continue"] = page.Metadata.Continue
	}
}

// retryable reports whether another attempt can help: not with a certificate that
// is not trusted, a name that does not exist, or a clear no.
func retryable(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
	}
	var asURL *url.Error // it implements net.Error whatever it holds
	if errors.As(err, &asURL) {
		err = asURL.Err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, syscall.ECONNRESET)
}

// asked returns the pause that the server asks for.
func asked(err error) time.Duration {
	seconds, ok := apierrors.SuggestsClientDelay(err)
	if !ok {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maximumDelay)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
