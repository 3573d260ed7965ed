package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"kasou/pipelines/finding"
)

// SourceError is a certificate's file or URL that cannot be read.
type SourceError struct {
	// Source names it, without credentials and query.
	Source string
	Reason string
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("the sealing certificate from %s: %s", e.Source, e.Reason)
}

// SealingCertificateFrom reads a sealing certificate from a file or an https
// URL, without checking what it is: that is seal's to do. An http URL is
// refused: whoever answers in its place could read every secret sealed from
// then on. The error is a *SourceError, or the context's.
func SealingCertificateFrom(ctx context.Context, source string) ([]byte, error) {
	return readSource(ctx, *http.DefaultClient, source)
}

func readSource(ctx context.Context, client http.Client, source string) ([]byte, error) {
	if !strings.Contains(source, "://") {
		return readFile(source)
	}
	u, err := url.Parse(source)
	if err != nil {
		return nil, &SourceError{Source: "this URL", Reason: "it does not parse"}
	}
	shown := u.Scheme + "://" + u.Host + u.EscapedPath()
	switch {
	case u.Scheme != "https":
		return nil, &SourceError{Source: shown, Reason: "only https:// is read, or a file"}
	case u.User != nil:
		return nil, &SourceError{Source: shown, Reason: "the URL has credentials in it; take them out"}
	}
	data, err := fetch(ctx, client, source)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, &SourceError{Source: shown, Reason: withoutURL(err)}
	}
	return data, nil
}

func fetch(ctx context.Context, client http.Client, source string) (data []byte, err error) {
	client.Timeout = 30 * time.Second
	client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if next.URL.Scheme != "https" || len(via) > 3 {
			return errors.New("it leads elsewhere too often, or away from https")
		}
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered HTTP %d", response.StatusCode)
	}
	return readCertificate(response.Body)
}

func readFile(name string) (data []byte, err error) {
	defer func() {
		if err != nil {
			data, err = nil, &SourceError{Source: name, Reason: finding.Cause(err).Error()}
		}
	}()
	info, err := os.Stat(name) // before opening: a named pipe would block
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return readCertificate(file)
}

func readCertificate(r io.Reader) ([]byte, error) {
	data, err := readBounded(r, maximumCertificate)
	if errors.Is(err, errTooLong) {
		err = errors.New("it is larger than a certificate can be")
	}
	return data, err
}

// withoutURL leaves out the URL, whose query can hold a token.
func withoutURL(err error) string {
	if asURL, ok := errors.AsType[*url.Error](err); ok {
		err = asURL.Err
	}
	return plain(err.Error())
}
