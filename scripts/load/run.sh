#!/usr/bin/env bash
# `make load [profile=mixed|purchase]`: a stack of its own with PostgreSQL fully durable, the world of world.sql, and one of the profiles here.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then
	profile=${1:-mixed}
	[ -f "scripts/load/$profile.js" ] && [ "$profile" != report ] || { echo "load: there is no profile $profile: mixed or purchase" >&2; exit 2; }
	mkdir -p .local
	data=$(mktemp -d .local/load-XXXXXX)
	trap 'rm -rf "$data"' EXIT
	bin/devstack run --ephemeral --durable --data "$data" -- "$0" inside "$profile"
	exit
fi

profile=$2
. scripts/load/world.sh
fill "${USERS:=10000}" "${POSTS:=100000}" "${PRODUCTS:=5000}" 50

ATRIUM_LOG_LEVEL=warn bin/atrium serve &
server=$!
trap 'kill -TERM "$server" 2>/dev/null; wait "$server"' EXIT
people=$(mktemp)
bin/demo tokens --endpoints "$ATRIUM_ENDPOINTS" --count 500 --out "$people"

status=0
.tools/k6 run --quiet --no-usage-report -e PEOPLE="$people" -e ENDPOINTS="$(realpath "$ATRIUM_ENDPOINTS")" \
	${VUS:+-e VUS="$VUS"} ${DURATION:+-e DURATION="$DURATION"} "scripts/load/$profile.js" || status=$?
rm -f "$people"
memory "$server"
if [ "$profile" = purchase ]; then balance || status=1; fi
exit "$status"
