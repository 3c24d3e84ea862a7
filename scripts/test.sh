#!/usr/bin/env bash
# `make test` runs everything with small budgets; `make soak [seed]` only the long counts of properties and races.
# Both bring a stack of their own, which is gone afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/bootstrap.sh --test --browser
mkdir -p .local
data=$(mktemp -d .local/test-XXXXXX)
trap 'rm -rf "$data"' EXIT
[ "${1:-}" = soak ] || make --no-print-directory "$PWD/.tools/golangci-lint"
# All else is compiled once, with the race detector in it: for the linters, the tests, the programs that they start, and the stack.
# Debuggers' tables, a fifth of a compiler's time, are left out; stack traces do not need them.
export GOFLAGS="${GOFLAGS:-} -race -gcflags=all=-dwarf=false"
(cd scripts/devstack && GOGC=200 go build -o "../../$data/devstack" .)
stack() { "$data/devstack" run --ephemeral --data "$data/stack" -- "$@"; }

if [ "${1:-}" = soak ]; then
	export SOAK=1 SOAK_SEED="${2:-$RANDOM$RANDOM}"
	echo "seed $SOAK_SEED"
	stack go test -timeout 170m -run 'Race|Property|Storm|Parallel|Walk' ./...
	stack go test -timeout 170m -count 10 -run Crash ./app
	exit
fi

GOGC=200 scripts/lint.sh # compiles what the tests are made of: memory for time
# go vet is one of the linters. Tests often wait (for Redis to be away, for a lease to lapse): more packages than cores use that time.
make --no-print-directory verify
stack go test -vet=off -timeout 20m -p "$(($(getconf _NPROCESSORS_ONLN) * 3 / 2))" ./...
(cd scripts/devstack && go test -vet=off -timeout 10m ./...)
