# Atrium. `make` alone prints this help.
.DEFAULT_GOAL := help
.PHONY: help run demo test check lint format soak bench load costs grant-admin new-module build generate verify clean

SHELL := /usr/bin/env bash
port ?= 8080
private_port ?= 9090
tools := $(CURDIR)/.tools
# gin without MessagePack, which nothing here speaks: its codec is large, and slow to compile.
export GOFLAGS += -tags=nomsgpack

help: ## print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

run: build ## start the local stack and Atrium in it (port=8080 private_port=9090); Ctrl-C stops everything
	@exec bin/devstack run --data .local/run --endpoints .local/endpoints.json \
		--api-addr 127.0.0.1:$(port) --private-addr 127.0.0.1:$(private_port) -- scripts/serve.sh

demo: bin/demo ## walk the main job against what `make run` started
	@bin/demo walk

test: ## everything: format, lint, unit, integration and end-to-end tests, each on real servers
	@scripts/test.sh

check: test ## what CI runs

soak: ## the long counts of every property and race (seed=... repeats one)
	@scripts/test.sh soak $(seed)

lint: $(tools)/golangci-lint ## formatting and golangci-lint
	@scripts/lint.sh

format: ## format all code
	@gofmt -w $$(git ls-files -co --exclude-standard '*.go')

generate: bin/atrium ## write what is made from the code: docs/openapi.json
	@scripts/generate.sh

verify: bin/atrium ## whether what is made from the code is as it is checked in
	@scripts/generate.sh --verify

bench: ## hot paths in Go, and the feed over HTTP with wrk (only=go|feed|growth|publish for one part)
	@scripts/bench/run.sh $(only)

load: build $(tools)/k6 ## 500 users with k6, about 5 minutes (profile=purchase: 100 buyers, and whether the books balance)
	@scripts/load/run.sh $(profile)

costs: ## what a like, a comment, a checkout cost PostgreSQL and Redis, about 6 minutes (verbose=1: statement by statement)
	@scripts/costs/run.sh $(verbose)

grant-admin: build ## make a person an admin: email=... or user=<id>
	@scripts/grant-admin.sh "$(email)" "$(user)"

new-module: ## lay out a working module with its tests: name=...
	@scripts/new-module/new-module.sh "$(name)"

build: bin/atrium bin/devstack bin/demo
	@scripts/bootstrap.sh

clean: ## remove what was built and the local stacks' data
	@rm -rf bin .local

.PHONY: bin/atrium bin/devstack bin/demo
bin/atrium:
	@go build -o $@ .
bin/demo:
	@go build -o $@ ./scripts/demo
bin/devstack:
	@cd scripts/devstack && go build -o ../../$@ .

$(tools)/golangci-lint: scripts/tools/go.mod
	@echo "building golangci-lint (once)"; cd scripts/tools && go build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(tools)/k6: scripts/load/go.mod
	@echo "building k6 (once)"; cd scripts/load && go build -o $@ go.k6.io/k6
