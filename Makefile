# The verbs of the project. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN   := $(CURDIR)/.cache/bin
STEP  := @scripts/step
GOLANGCI_VERSION := v2.15.0

export PATH := $(BIN):$(PATH)

.PHONY: help
help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## start the server (the same as: go run ./cmd/tertulia)
	go run ./cmd/tertulia

.PHONY: build
build: ## build the one binary: ./tertulia
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o tertulia ./cmd/tertulia

.PHONY: test
test: ## install what is needed, then run every check and test
	$(STEP) "install what the tests need" scripts/install-test-deps
	$(STEP) "Go: formatting, vet, architecture" scripts/check-go
	$(STEP) "Go: linters" $(MAKE) --no-print-directory lint
	$(STEP) "Go: tests with the race detector" go test -race ./...
	$(STEP) "Go: allocations and benchmarks, once" scripts/check-benchmarks
	$(STEP) "npm: packages" scripts/install-npm
	$(STEP) "SDK: types, linter, tests" npm --prefix sdk/js run --silent ci
	$(STEP) "meeting page: types, linter, tests" npm --prefix web/meet run --silent ci
	$(STEP) "built assets are those of the sources" scripts/check-assets
	$(STEP) "browsers and foreign peers" $(MAKE) --no-print-directory e2e
	@echo "everything passed"

.PHONY: unit
unit: ## run the Go tests only; needs nothing installed and no network
	go test ./...

.PHONY: lint
lint: $(BIN)/golangci-lint ## run the Go linters
	golangci-lint run ./...

$(BIN)/golangci-lint:
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

.PHONY: e2e
e2e: ## run the real binary with real browsers and foreign peers
	go build -trimpath -ldflags='-s -w' -o .cache/bin/tertulia ./cmd/tertulia
	npm --prefix e2e run --silent test

.PHONY: quality
quality: ## hold what browsers see over bad links, and while layers change, against the limits
	go build -trimpath -ldflags='-s -w' -o .cache/bin/tertulia ./cmd/tertulia
	npm --prefix e2e run --silent quality

.PHONY: web
web: ## rebuild the SDK and the meeting page that are committed
	npm --prefix sdk/js run --silent build
	npm --prefix web/meet run --silent build

.PHONY: bench
bench: ## measure speed, memory and joining (docs/benchmarks.md explains the figures)
	scripts/bench

.PHONY: bench-peers
bench-peers: ## measure the same load on Tertulia and on Janus, in turn (installs janus)
	PEERS='tertulia janus' SCENARIOS='live100 meet10 rooms10 audio100 joins' scripts/bench-load

.PHONY: fuzz
fuzz: ## fuzz every parser, for 20 seconds each
	scripts/fuzz 20s

.PHONY: clean
clean: ## remove what was built and installed in this folder
	rm -rf .cache tertulia sdk/js/node_modules web/meet/node_modules e2e/node_modules e2e/artifacts
