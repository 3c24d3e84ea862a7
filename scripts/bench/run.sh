#!/usr/bin/env bash
# `make bench` measures everything, `make bench only=go|feed|growth|publish` one part. Each part fails where a promise is broken.
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/bootstrap.sh --bench
make --no-print-directory bin/atrium bin/demo bin/devstack

part() {
	case $1 in
	go) bin/devstack run --ephemeral --durable --data .local/bench -- go test -timeout 60m -run '^$' -bench . -benchmem ./... ;;
	feed) scripts/bench/feed.sh ;;
	growth) scripts/bench/feed.sh growth ;;
	publish) scripts/bench/publish.sh ;;
	*)
		echo "bench: there is no part $1: go, feed, growth or publish" >&2
		return 2
		;;
	esac
}

broken=""
for name in ${1:-go feed growth publish}; do
	echo "== $name"
	part "$name" || broken="$broken $name"
done
[ -z "$broken" ] || { echo "broken promises:$broken" >&2; exit 1; }
