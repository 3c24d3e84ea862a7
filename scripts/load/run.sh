#!/usr/bin/env bash
# `make load`: a stack of its own with PostgreSQL fully durable, the world of world.sql, and the mixed profile of mixed.js.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then
	mkdir -p .local
	data=$(mktemp -d .local/load-XXXXXX)
	trap 'rm -rf "$data"' EXIT
	bin/devstack run --ephemeral --durable --data "$data" -- "$0" inside
	exit
fi

. scripts/load/world.sh
fill "${USERS:=10000}" "${POSTS:=100000}" "${PRODUCTS:=5000}" 50

ATRIUM_LOG_LEVEL=warn bin/atrium serve &
server=$!
trap 'kill -TERM "$server" 2>/dev/null; wait "$server"' EXIT
people=$(mktemp)
bin/demo tokens --endpoints "$ATRIUM_ENDPOINTS" --count "${VUS:=500}" --out "$people"

status=0
PEOPLE="$people" API="$ATRIUM_HTTP_PUBLIC_URL" .tools/k6 run --quiet --no-usage-report -e PEOPLE="$people" -e API="$ATRIUM_HTTP_PUBLIC_URL" \
	-e VUS="$VUS" -e DURATION="${DURATION:-90s}" scripts/load/mixed.js || status=$?
rm -f "$people"
memory "$server"
exit "$status"
