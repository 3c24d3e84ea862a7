#!/usr/bin/env bash
# Writes docs/openapi.json from the code; with --verify it only says whether the file is as the code has it.
set -euo pipefail
cd "$(dirname "$0")/.."

written=$(mktemp)
trap 'rm -f "$written"' EXIT
env -i bin/atrium openapi >"$written" # without the settings of this shell, which may switch modules off
if [ "${1:-}" != --verify ]; then
	cp "$written" docs/openapi.json
elif ! diff -u docs/openapi.json "$written" >&2; then
	echo "docs/openapi.json is not what the code says: make generate" >&2
	exit 1
fi
