#!/usr/bin/env bash
# `make costs [verbose=1]`: a stack of its own with PostgreSQL fully durable and counting statements, the world of scripts/load/world.sql, one
# process that does all roles, and what each deed costs there with all that follows. The figures are kept in .local/costs.tsv.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then
	scripts/bootstrap.sh
	make --no-print-directory bin/atrium bin/devstack
	go build -o bin/costs ./scripts/costs
	mkdir -p .local
	data=$(mktemp -d .local/costs-XXXXXX)
	trap 'rm -rf "$data"' EXIT
	bin/devstack run --ephemeral --durable --statements --data "$data" -- "$0" inside "$@"
	exit
fi

. scripts/load/world.sh
fill "${USERS:=3000}" "${POSTS:=10000}" "${PRODUCTS:=1000}" 50
# Neither a vacuum nor a checkpoint comes in between: they would count as what a deed costs.
"$psql" -q "$ATRIUM_DATABASE_URL" -c "ALTER SYSTEM SET autovacuum = off" -c "ALTER SYSTEM SET checkpoint_timeout = '1h'" \
	-c "ALTER SYSTEM SET max_wal_size = '8GB'" -c "SELECT pg_reload_conf()" >/dev/null

ATRIUM_LOG_LEVEL=error bin/costs ${2:+-verbose} ${TIMES:+-times "$TIMES"} bin/atrium serve
