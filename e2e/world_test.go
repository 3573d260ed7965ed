package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

// world is the proxy between kasou and the servers of virtual clusters, as in a
// company's network: names lead where it says, which is its DNS and ingress,
// too.
var world = &proxy{routes: map[string]string{}, names: map[string]string{}}

type proxy struct {
	mu     sync.Mutex
	routes map[string]string
	// names lead to these addresses, all others of example.com to the entrance.
	names map[string]string
	// others is where names without a route lead.
	others string
}

// route lets a name lead to a server on the loopback address; to nobody where
// that is empty.
func (p *proxy) route(name, url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.routes[name+":443"] = strings.TrimPrefix(url, "https://")
}

// ServeHTTP connects, or answers 502 where nobody listens.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	target, told := p.routes[r.Host]
	if !told {
		target = p.others
	}
	p.mu.Unlock()
	there, err := net.Dial("tcp", target)
	if r.Method != http.MethodConnect || err != nil {
		http.Error(w, "nobody is there", http.StatusBadGateway)
		return
	}
	defer there.Close()
	w.WriteHeader(http.StatusOK)
	here, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	go func() { _, _ = io.Copy(there, buffered) }()
	_, _ = io.Copy(here, there)
}

// startWorld has every client of this process use the proxy, but for what is on
// the loopback address. It must run before the first client: they read the
// environment once.
func startWorld(ctx context.Context) error {
	if err := startDNS(); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: world}
	go func() { _ = server.Serve(listener) }()
	atEnd(func() { _ = server.Close() })
	return os.Setenv("HTTPS_PROXY", "http://"+listener.Addr().String())
}
