// Package e2e holds kasou's results against the real parts: API servers of
// several Kubernetes versions with etcd as the host, one more as a virtual
// cluster behind TLS with its own CA, and the Sealed Secrets controller.
//
// Run it with
//
//	go test -count=1 -timeout 60m ./...
//
// (go's cache of results does not see the charts, which are outside this
// module, and its ten minutes are too short for the first run.)
//
// The first run builds the parts from their pinned modules (parts/), some
// minutes for each API server; they stay in KASOU_CACHE, else in the user's
// cache folder, and later runs start with the tests. There is nothing to set
// up: every server listens on the loopback address, and dies with the test.
// Everything but the Sealed Secrets controller runs as any user; that needs
// Linux, and root or unprivileged user namespaces.
//
// A Kubernetes version comes in by a folder parts/kube-apiserver-MINOR with a
// go.mod like those there, and a line in versions.
package e2e
