#!/usr/bin/env bash
# The feed beside its references (server/reference.go), with wrk at 500 connections, rotating people and PostgreSQL fully durable.
#   feed.sh          one world, beside the ceiling and the plain query: the feed must reach half of the ceiling
#   feed.sh growth   two worlds: from 10,000 posts to 1,000,000, and there from 50 followed to 5,000; a page may cost 1.2 times as much
# The routes take turns in seven rounds. Each figure is the median of its rounds; the share of the ceiling is that of the rounds' own shares, since
# a machine is not as fast in every minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
connections=${CONNECTIONS:-500} seconds=${SECONDS_EACH:-5}

if [ "${1:-}" != inside ]; then
	go build -o bin/bench-server ./scripts/bench/server
	mkdir -p .local
	data=$(mktemp -d .local/bench-XXXXXX) figures=$(mktemp)
	trap 'rm -rf "$data" "$figures"' EXIT
	world() { # POSTS FOLLOWED-BY-THE-FIRST-500 "FOLLOWED:FROM-PERSON ..." PEOPLE ROUTES...
		bin/devstack run --ephemeral --durable --data "$data" -- "$0" inside "$figures" "$@"
		rm -rf "$data"
	}
	if [ "${1:-}" = growth ]; then
		world 10000 50 "50:0" 500 ceiling feed
		world 1000000 5000 "50:500 5000:0" 500 ceiling feed
		awk '$3 == "share" {if (!first) first = $4
				printf "%7d posts, %4d followed: %.3f of the ceiling, a page costs %.2f times the first world'"'"'s\n", $1, $2, $4, first / $4
				if (first / $4 > 1.2) broken = 1}
			$3 == "feed" && $10 > 0 {printf "%d errors\n", $10; broken = 1}
			END {exit broken}' "$figures"
	else
		world 100000 50 "50:0" 10000 ceiling feed plain
		awk '$3 == "share" {share = $4} $3 == "feed" {bad = $10}
			END {printf "feed / ceiling = %.3f (at least 0.5), %d errors\n", share, bad; exit share < 0.5 || bad > 0}' "$figures"
	fi
	exit
fi

figures=$2 posts=$3 most=$4 groups=$5 count=$6
shift 6
. scripts/load/world.sh
fill 10000 "$posts" 5000 "$most"
ATRIUM_LOG_LEVEL=error bin/bench-server --config scripts/bench/settings.yaml serve &
server=$!
export PEOPLE
PEOPLE=$(mktemp) page=$(mktemp) rounds=$(mktemp)
trap 'rm -f "$PEOPLE" "$page" "$rounds"; kill -TERM "$server" 2>/dev/null; wait "$server"' EXIT

path() { if [ "$1" = feed ]; then echo /v1/feed; else echo "/v1/reference/$1"; fi; }
run() { # ROUTE SECONDS: requests, a second, p50, p95, p99 in ms, bytes each, errors
	FEED_PATH=$(path "$1") wrk -t2 -c"$connections" -d"$2s" --timeout 30s -s scripts/bench/feed.lua "$ATRIUM_HTTP_PUBLIC_URL" | tail -n 1
}

for group in $groups; do
	followed=${group%:*}
	bin/demo tokens --endpoints "$ATRIUM_ENDPOINTS" --from "${group#*:}" --count "$count" --out "$PEOPLE"
	tokens=$(grep -o '"token":"[^"]*"' "$PEOPLE" | awk -F'"' '{print $4}')
	if [ "$followed" -gt 50 ]; then # a timeline of thousands takes its time to be made: a few at once
		xargs -P 4 -I '{}' curl -fsS -o /dev/null -H 'Authorization: Bearer {}' "$ATRIUM_HTTP_PUBLIC_URL/v1/feed" <<<"$tokens"
	fi
	run feed "$((count / 200 + 5))" >/dev/null # all timelines are made, all cards written
	head -n 50 <<<"$tokens" | while read -r token; do
		curl -fsS -H "Authorization: Bearer $token" "$ATRIUM_HTTP_PUBLIC_URL/v1/feed"
	done >"$page"
	bytes=$(($(wc -c <"$page") / 50))
	head -c "$bytes" "$page" | redis-cli -u "$ATRIUM_REDIS_URL" -x SET reference.page >/dev/null
	echo "a page of the feed is $bytes bytes on average; $connections connections, $count people, $followed followed, $posts posts"

	: >"$rounds"
	for _ in 1 2 3 4 5 6 7; do for route in "$@"; do echo "$route $(run "$route" "$seconds")" >>"$rounds"; done; done
	printf '%-8s %12s %10s %10s %10s %8s\n' '' 'requests/s' p50 p95 p99 errors
	for route in "$@"; do
		line=$(grep "^$route " "$rounds" | sort -k3,3n | sed -n 4p)
		line="${line% *} $(grep "^$route " "$rounds" | awk '{bad += $8} END {print bad}')"
		echo "$posts $followed $line" >>"$figures"
		awk '{printf "%-8s %12.0f %7.1f ms %7.1f ms %7.1f ms %8d\n", $1, $3, $4, $5, $6, $8}' <<<"$line"
	done
	share=$(awk '$1 == "ceiling" {ceiling = $3} $1 == "feed" {print $3 / ceiling}' "$rounds" | sort -n | sed -n 4p)
	echo "$posts $followed share $share" >>"$figures"
done
memory "$server"
