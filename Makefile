# rota. `make help` lists the targets.
GO      ?= go
TOOLS   := $(CURDIR)/.tools
FUZZTIME ?= 30s
# The race detector looks at all Go code but SQLite's, which is C translated to
# Go, does its own locking, and is ten times slower when it is watched.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false
STATICCHECK_VERSION := v0.8.2
GOFUMPT_VERSION     := v0.12.0

.DEFAULT_GOAL := all

.PHONY: all
all: build vet test-fast ## build, vet, and the tests that need no server (default)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/rota, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/rota ./cmd/rota

# The program as AWS Lambda runs it. The same sources make the same bytes, in
# any folder: nothing of a repository is stamped into them.
.PHONY: lambda
lambda: dist/rota-lambda-arm64.zip dist/rota-lambda-x86_64.zip ## dist/rota-lambda-*.zip, for AWS Lambda

dist/rota-lambda-arm64.zip: GOARCH := arm64
dist/rota-lambda-x86_64.zip: GOARCH := amd64
dist/rota-lambda-%.zip: FORCE
	@mkdir -p dist/$*
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) $(GO) build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w' -o dist/$*/bootstrap ./cmd/rota
	$(GO) run ./deploy/lambdazip dist/$*/bootstrap $@

.PHONY: FORCE
FORCE:

.PHONY: vet
vet: ## go vet, with and without the tests that need servers
	$(GO) vet ./...
	$(GO) vet -tags servers ./...

.PHONY: test-fast
test-fast: ## the tests that need no server
	$(GO) test ./...

.PHONY: test
test: test-deps lint ## everything: installs what is missing, lints, all tests with the race detector and real servers
	$(GO) test $(RACE) -tags servers -timeout 40m $$($(GO) list -tags servers ./... | grep -vE '/(engine|internal/e2e)$$')
	$(call counted,$(RACE) -tags servers ./internal/e2e)
	$(call counted,$(RACE) -skip '^TestInterferenceMatrix$$' ./engine)
	$(call counted,-run '^TestInterferenceMatrix$$' ./engine) # it is about the order of commits, and ten times slower with the race detector

# Tests that count their cases say how many there were, with the seed and how to
# play one again. All that a test said is shown where one failed.
counted = $(GO) test -v -timeout 40m $(1) >$(TOOLS)/said 2>&1 || { cat $(TOOLS)/said; exit 1; }; grep -E '^ok|summary: ' $(TOOLS)/said

.PHONY: lint
lint: tools vet ## vet, staticcheck, gofumpt
	$(TOOLS)/staticcheck -tags servers ./...
	@bad=$$($(TOOLS)/gofumpt -l . ); if [ -n "$$bad" ]; then echo "not formatted, run make fmt:"; echo "$$bad"; exit 1; fi

.PHONY: fmt
fmt: tools ## format the code
	$(TOOLS)/gofumpt -w .

.PHONY: tools
tools: $(TOOLS)/staticcheck $(TOOLS)/gofumpt

$(TOOLS)/staticcheck:
	GOBIN=$(TOOLS) $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

$(TOOLS)/gofumpt:
	GOBIN=$(TOOLS) $(GO) install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)

.PHONY: test-deps
test-deps: ## install the servers that the tests start (Debian 12, root)
	@scripts/test-deps

.PHONY: generate
generate: ## write generated files again
	$(GO) generate ./...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	@set -e; for f in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
	  for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$f); do \
	    echo "$$name in $$(dirname $$f)"; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x ./$$(dirname $$f); \
	  done; done

.PHONY: bench
bench: ## the benchmarks, each beside its floor
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) test -tags servers -run '^$$' -bench . ./internal/e2e/...

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist .tools
