#!/usr/bin/env bash
# Formatting, go vet and golangci-lint over both modules.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l $(git ls-files -co --exclude-standard '*.go'))
if [ -n "$unformatted" ]; then
	printf 'not formatted (make format):\n%s\n' "$unformatted" >&2
	exit 1
fi
make --no-print-directory "$PWD/.tools/golangci-lint"
.tools/golangci-lint run ./...
(cd scripts/devstack && ../../.tools/golangci-lint run --config ../../.golangci.yaml ./...)
