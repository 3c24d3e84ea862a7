#!/usr/bin/env bash
# Makes a person of the stack that `make run` started an admin.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -n "${1:-}" ]; then who="email=$1"; elif [ -n "${2:-}" ]; then who="user=$2"; else
	echo "Say who: make grant-admin email=ana@example.com (or user=<id>)" >&2
	exit 1
fi
exec bin/devstack exec --data .local/run -- bin/atrium admin grant "$who"
