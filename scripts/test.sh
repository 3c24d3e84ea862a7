#!/usr/bin/env bash
# `make test` runs everything with small budgets; `make soak [seed]` only the long counts of properties and races.
# Both bring a stack of their own, which is gone afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/bootstrap.sh --test --browser
mkdir -p .local
data=$(mktemp -d .local/test-XXXXXX)
trap 'rm -rf "$data"' EXIT
make --no-print-directory bin/devstack

if [ "${1:-}" = soak ]; then
	export SOAK=1 SOAK_SEED="${2:-$RANDOM$RANDOM}"
	echo "seed $SOAK_SEED"
	bin/devstack run --ephemeral --data "$data" -- go test -race -timeout 170m -run 'Race|Property|Storm|Parallel|Walk' ./...
	bin/devstack run --ephemeral --data "$data" -- go test -race -timeout 170m -count 10 -run Crash ./app
	exit
fi

scripts/lint.sh
bin/devstack run --ephemeral --data "$data" -- go test -race -timeout 20m ./...
(cd scripts/devstack && go test -race -timeout 10m ./...)
