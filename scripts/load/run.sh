#!/usr/bin/env bash
# `make load`: a stack of its own with PostgreSQL fully durable, the world of world.sql, and the mixed profile of mixed.js.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then
	mkdir -p .local
	data=$(mktemp -d .local/load-XXXXXX)
	trap 'rm -rf "$data"' EXIT
	bin/devstack run --data "$data" -- "$0" inside
	exit
fi

psql=$(command -v psql || ls /usr/lib/postgresql/*/bin/psql | tail -n 1)
bin/atrium migrate
echo "filling the world: ${USERS:=10000} people, ${POSTS:=100000} posts, ${PRODUCTS:=5000} products"
"$psql" -q "$ATRIUM_DATABASE_URL" -v users="$USERS" -v posts="$POSTS" -v products="$PRODUCTS" -f scripts/load/world.sql
"$psql" -qAt "$ATRIUM_DATABASE_URL" -c "SELECT name || ' = ' || current_setting(name) FROM pg_settings
	WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'shared_buffers', 'max_connections')"

ATRIUM_LOG_LEVEL=warn bin/atrium serve &
server=$!
trap 'kill -TERM "$server" 2>/dev/null; wait "$server"' EXIT
people=$(mktemp)
bin/demo tokens --endpoints "$ATRIUM_ENDPOINTS" --count "${VUS:=500}" --out "$people"

status=0
PEOPLE="$people" API="$ATRIUM_HTTP_PUBLIC_URL" .tools/k6 run --quiet --no-usage-report -e PEOPLE="$people" -e API="$ATRIUM_HTTP_PUBLIC_URL" \
	-e VUS="$VUS" -e DURATION="${DURATION:-90s}" scripts/load/mixed.js || status=$?
rm -f "$people"
echo "memory     $(awk '/VmRSS/ {print int($2/1024)}' "/proc/$server/status") MB now, $(awk '/VmHWM/ {print int($2/1024)}' "/proc/$server/status") MB at most (api, worker and scheduler in one process)"
exit "$status"
