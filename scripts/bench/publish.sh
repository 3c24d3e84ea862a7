#!/usr/bin/env bash
# Publishing to 10,000 followers, all of them pushed to, while others read their feeds at 30 % of what the machine can do.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" != inside ]; then
	go build -o bin/bench-server ./scripts/bench/server
	(cd scripts/load && go build -o ../../bin/bench-publish ./publish)
	mkdir -p .local
	data=$(mktemp -d .local/bench-XXXXXX)
	trap 'rm -rf "$data"' EXIT
	bin/devstack run --ephemeral --durable --data "$data" -- "$0" inside
	exit
fi

. scripts/load/world.sh
fill 10000 100000 5000 50
"$psql" -q "$ATRIUM_DATABASE_URL" <<'SQL'
INSERT INTO user_follows (follower_id, followee_id)
SELECT u.id, a.id FROM users u, users a WHERE a.handle = 'walker0' AND u.id <> a.id ON CONFLICT DO NOTHING;
UPDATE users SET followers = 9999 WHERE handle = 'walker0';
INSERT INTO uploads (id, owner_id, status, content_type, bytes, sha256, quarantine_key, photo_key, public_key, audience, width, height, blurhash, palette, sizes, expires_at, ended_at)
SELECT i.id, a.id, 'ready', 'image/jpeg', 300000, sha256(i.id::text::bytea), 'quarantine/' || i.id, 'k' || i.id, 'p' || i.id, 'everybody', 1600, 1200,
	'LEHV6nWB2yk8pyo0adR*.7kCMdnj', '[{"color": "#c9b79c", "weight": 1}]', '[200, 640, 1080, 1600]', now(), now()
FROM users a, (SELECT gen_random_uuid() AS id FROM generate_series(1, 40)) i WHERE a.handle = 'walker0';
SQL
people=$(mktemp) uploads=$(mktemp)
"$psql" -qAt "$ATRIUM_DATABASE_URL" -c "SELECT p.id FROM uploads p JOIN users a ON a.id = p.owner_id WHERE a.handle = 'walker0' AND p.used_at IS NULL" >"$uploads"

ATRIUM_LOG_LEVEL=error bin/bench-server --config scripts/bench/settings.yaml serve &
server=$!
trap 'rm -f "$people" "$uploads"; kill -TERM "$server" 2>/dev/null; wait "$server"' EXIT
bin/demo tokens --endpoints "$ATRIUM_ENDPOINTS" --count 2000 --out "$people"

run() { PEOPLE="$people" FEED_PATH=/v1/feed wrk -t2 -c500 -d"$1s" --timeout 30s -s scripts/bench/feed.lua "$ATRIUM_HTTP_PUBLIC_URL" | tail -n 1; }
run 15 >/dev/null
capacity=$(run 10 | awk '{print int($2)}')
echo "capacity   $capacity requests a second at 500 connections"
bin/bench-publish -api "$ATRIUM_HTTP_PUBLIC_URL" -people "$people" -uploads "$uploads" -rate $((capacity * 3 / 10))
memory "$server"
