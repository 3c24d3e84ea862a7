#!/usr/bin/env bash
# What `make run` runs inside the local stack: migrate, serve, and fill an empty stack with the demo world.
set -euo pipefail

bin/atrium migrate
bin/atrium serve &
server=$!
trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM

if ! bin/demo seed --endpoints "$ATRIUM_ENDPOINTS" --atrium bin/atrium; then
	kill -0 "$server" 2>/dev/null || wait "$server" # it did not start: it has said why
	echo "The demo world is not complete; Atrium serves all the same." >&2
fi

cat <<END

Atrium is running.
  API        $ATRIUM_HTTP_PUBLIC_URL/v1
  API page   $ATRIUM_HTTP_PUBLIC_URL/docs
  Dashboard  $ATRIUM_HTTP_PUBLIC_URL/admin/queues   (make grant-admin email=... first)
  Everything else: $ATRIUM_ENDPOINTS
In another terminal: make demo. Stop with Ctrl-C.
END

status=0
wait "$server" || status=$?
# A signal interrupts the first wait; the server still drains.
wait "$server" 2>/dev/null || status=$?
exit "$status"
