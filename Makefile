tools := go tool -modfile=tools/go.mod

.PHONY: help test lint generate
help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

test: lint ## everything there is: linters, tests, and the example fleet checked
	$(tools) gotestsum --format pkgname-and-test-fails -- ./...
	go run . check

lint: ## golangci-lint and actionlint
	$(tools) golangci-lint run ./...
	go tool -modfile=tools/actionlint/go.mod actionlint

generate: ## JSON schemas and schema bundles, from types and upstream definitions
	go generate ./...
