tools := go tool -modfile=tools/go.mod

.PHONY: help test quick golden e2e loop lint bench bench-stages generate release module charts race fuzz vulnerabilities
help: ## list the targets
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

test: lint ## everything there is: linters, tests, real API servers, and the example fleet checked
	$(tools) gotestsum --format pkgname-and-test-fails -- -timeout 30m ./...
	$(MAKE) e2e
	$(MAKE) loop
	go run . check

# What a person runs before each commit: the packages that have neither processes to
# start nor charts to render.
quick: ## what is fast: build, vet, and the packages of values and rules; under a minute once built
	go build ./... && go vet ./...
	go test ./internal/fence ./pipelines/argocd ./pipelines/credential ./pipelines/exposure ./pipelines/extra ./pipelines/finding \
		./pipelines/fleet ./pipelines/live ./pipelines/manifest ./pipelines/nofollow ./pipelines/policy ./pipelines/position \
		./pipelines/cache ./pipelines/seal ./pipelines/tracker ./pipelines/tree/... ./pipelines/vcluster
	go run . check

golden: ## rewrite what tests compare with: golden files, JSON schemas, the reference of fields, digests
	go test ./pipelines/argocd ./pipelines/fleet ./pipelines/report ./pipelines/scaffold ./pipelines/difference -update
	go generate ./pipelines/fleet ./pipelines/toolchain/dagger
	go run . lock # the example's schemas for editors

# Not from Go's cache: it does not see the charts, which lie outside the module.
e2e: ## against kube-apiserver, etcd, the Sealed Secrets controller and Argo CD's sync engine, built on first use
	cd e2e && go tool -modfile=../tools/go.mod gotestsum --format pkgname-and-test-fails -- -count=1 -timeout 60m . ./internal/...
	cd e2e/contract && go tool -modfile=../../tools/go.mod gotestsum --format pkgname-and-test-fails -- -count=1 ./...

# What it runs on is built on first use, in some 30 minutes on two cores; nothing is
# built after KASOU_E2E_BUILD_UNTIL (seconds since 1970), and the tests say so.
loop: ## a generated fleet on a real Argo CD, with a real vcluster, built on first use
	cd e2e && go tool -modfile=../tools/go.mod gotestsum --format standard-verbose -- -count=1 -timeout 90m ./loop

lint: ## golangci-lint and actionlint
	$(tools) golangci-lint run ./...
	cd e2e && go tool -modfile=../tools/go.mod golangci-lint run ./...
	cd e2e/contract && go tool -modfile=../../tools/go.mod golangci-lint run ./...
	go tool -modfile=tools/actionlint/go.mod actionlint

bench: ## kasou beside the command-line tools; BENCH="-sizes 100 -runs 1" for a short one
	@go run ./internal/sidebyside $(BENCH)

bench-stages: ## what a cluster of a fleet costs in kasou's own stages
	go test ./pipelines -run none -bench Fleet -benchtime 3x -timeout 30m

generate: ## JSON schemas and schema bundles, from types and upstream definitions
	go generate ./...

# SNAPSHOT= is for a tag that is checked out, in a clean working copy.
SNAPSHOT ?= --snapshot
KASOU_REPOSITORY ?= $(shell go list -m)
release: ## all that a release is made of, into dist/; it publishes nothing
	KASOU_REPOSITORY=$(KASOU_REPOSITORY) KASOU_RELEASE_TOOLS=$(CURDIR)/tools/release/go.mod \
		go tool -modfile=tools/release/go.mod goreleaser release --clean --skip=publish,announce $(SNAPSHOT)

module: ## move kasou to MODULE=github.com/OWNER/kasou, where it is released from
	go run ./internal/module set $(MODULE)
	go generate ./pipelines/toolchain/dagger
	go mod tidy

# For whoever has a network. Tests find them by KASOU_UPSTREAM_CHARTS=$PWD/.charts.
CHARTS ?= $(CURDIR)/.charts
charts: ## the upstream vcluster charts that tests run on, by pinned digest, into CHARTS
	go run ./internal/upstream/fetch $(CHARTS)

race: ## all tests with the race detector
	go test -race -timeout 60m ./...

FUZZTIME ?= 60s
fuzz: ## each fuzz target for FUZZTIME
	set -e; for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

vulnerabilities: ## known vulnerabilities in what kasou calls; it asks vuln.go.dev
	go tool -modfile=tools/govulncheck/go.mod govulncheck ./...
