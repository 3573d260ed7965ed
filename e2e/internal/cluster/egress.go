package cluster

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// egress is the proxy through which kube-apiserver reaches Services, Pods and
// nodes: it knows a few addresses and refuses all others.
type egress struct {
	socket string
	server *http.Server

	mu     sync.Mutex
	routes map[string]string
}

func newEgress(socket string) (*egress, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	e := &egress{socket: socket, routes: map[string]string{}}
	e.server = &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.server.Serve(l) }()
	return e, nil
}

// config is kube-apiserver's egress selector configuration.
func (e *egress) config() []byte {
	return fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport: {uds: {udsName: %q}}
`, e.socket)
}

func (e *egress) route(address, loopback string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.routes[address] = loopback
}

func (e *egress) close() { _ = e.server.Close() }

// ServeHTTP answers CONNECT with a tunnel to what the address is routed to.
func (e *egress) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	target := e.routes[r.Host]
	e.mu.Unlock()
	if r.Method != http.MethodConnect || target == "" {
		http.Error(w, "no route to "+r.Host, http.StatusBadGateway)
		return
	}
	there, err := net.Dial("tcp", target)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = there.Close() }()
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = here.Close() }()
	if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(there, buffered)
		_ = there.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(here, there)
}
