#!/usr/bin/env bash
# compare.sh OLD NEW: the feed of two commits beside each other, in pairs that take turns (PAIRS=5, SECONDS_EACH=5, CONNECTIONS=500).
# Each build stands in a tree, a stack and a world of its own, all made here and removed afterwards. It fails where the median of the
# pairs' ratios NEW / OLD is below AT_LEAST=0.95, or where a request fails.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
pairs=${PAIRS:-5} seconds=${SECONDS_EACH:-5} connections=${CONNECTIONS:-500} at_least=${AT_LEAST:-0.95}

if [ "${1:-}" = inside ]; then # in a tree, inside its stack: fill the world, serve it, and stay until everything is measured
	shared=$2 name=$3
	. scripts/load/world.sh
	fill 10000 "${POSTS:-100000}" 5000 50
	ATRIUM_LOG_LEVEL=error bin/atrium --config scripts/bench/settings.yaml serve &
	server=$!
	trap 'kill -TERM "$server" 2>/dev/null; wait "$server"' EXIT
	for _ in $(seq 60); do
		if curl -fsS -o /dev/null "$ATRIUM_HTTP_PUBLIC_URL/readyz" 2>/dev/null; then break; fi
		sleep 1
	done
	bin/demo tokens --endpoints "$ATRIUM_ENDPOINTS" --from 0 --count 10000 --out "$shared/$name.people"
	echo "$ATRIUM_HTTP_PUBLIC_URL" >"$shared/$name.url.new"
	mv "$shared/$name.url.new" "$shared/$name.url"
	until [ -e "$shared/done" ]; do sleep 1; done
	memory "$server"
	exit
fi

if [ $# != 2 ]; then
	echo "compare.sh: name two commits: scripts/bench/compare.sh OLD NEW" >&2
	exit 2
fi
"$here/scripts/bootstrap.sh" --bench
shared=$(mktemp -d)
stacks=()
finish() {
	touch "$shared/done"
	[ ${#stacks[@]} = 0 ] || wait "${stacks[@]}" || true
	for name in old new; do git -C "$here" worktree remove --force "$shared/$name" 2>/dev/null || true; done
	rm -rf "$shared"
}
trap finish EXIT

build() { # NAME COMMIT
	git -C "$here" worktree add --quiet --detach "$shared/$1" "$2"
	make --no-print-directory -C "$shared/$1" build
	(cd "$shared/$1" && exec bin/devstack run --ephemeral --durable --data "$shared/$1.data" -- "$here/scripts/bench/compare.sh" inside "$shared" "$1") \
		>"$shared/$1.log" 2>&1 &
	stacks+=($!)
	until [ -e "$shared/$1.url" ]; do
		kill -0 $! 2>/dev/null || { tail -n 20 "$shared/$1.log" >&2; exit 1; }
		sleep 1
	done
}
run() { # NAME SECONDS: requests, a second, p50, p95, p99 in ms, bytes each, errors
	PEOPLE="$shared/$1.people" FEED_PATH=/v1/feed wrk -t2 -c"$connections" -d"$2s" --timeout 30s -s "$here/scripts/bench/feed.lua" "$(cat "$shared/$1.url")" | tail -n 1
}

build old "$1"
build new "$2"
for name in old new; do run "$name" 55 >/dev/null; done # all timelines are made, all cards written
echo "old $(git -C "$here" rev-parse --short "$1"), new $(git -C "$here" rev-parse --short "$2"); $connections connections, $pairs pairs of $seconds s"
printf '%-4s %6s %12s %10s %10s %8s\n' '' '' 'requests/s' p50 p95 errors
for pair in $(seq "$pairs"); do
	order="old new"
	[ $((pair % 2)) = 1 ] || order="new old"
	for name in $order; do
		run "$name" 2 >/dev/null # whose turn it was before is no better off
		line=$(run "$name" "$seconds")
		echo "$pair $name $line" >>"$shared/rounds"
		awk -v pair="$pair" -v name="$name" '{printf "%-4s %6s %12.0f %7.1f ms %7.1f ms %8d\n", pair, name, $2, $3, $4, $7}' <<<"$line"
	done
done
awk -v at_least="$at_least" '
	{rate[$1 " " $2] = $4; bad += $9; if ($1 > n) n = $1}
	END {
		for (i = 1; i <= n; i++) ratio[i] = rate[i " new"] / rate[i " old"]
		for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (ratio[j] < ratio[i]) {t = ratio[i]; ratio[i] = ratio[j]; ratio[j] = t}
		median = n % 2 ? ratio[(n + 1) / 2] : (ratio[n / 2] + ratio[n / 2 + 1]) / 2
		printf "new / old = %.3f (median of %d pairs, %.3f to %.3f; at least %.2f), %d errors\n", median, n, ratio[1], ratio[n], at_least, bad
		exit median < at_least || bad > 0
	}' "$shared/rounds"
