# Sourced by the load test and the benchmarks, inside a local stack: an empty database becomes the world of world.sql.
psql=$(command -v psql || ls /usr/lib/postgresql/*/bin/psql | tail -n 1)

# fill USERS POSTS PRODUCTS FOLLOWED: FOLLOWED is how many the first 500 people follow; everybody else follows 50.
fill() {
	bin/atrium migrate
	echo "filling the world: $1 people, $2 posts, $3 products; the first 500 people follow $4, all others 50"
	"$psql" -q "$ATRIUM_DATABASE_URL" -v users="$1" -v posts="$2" -v products="$3" -v followed="$4" -f scripts/load/world.sql
	"$psql" -q "$ATRIUM_DATABASE_URL" -c CHECKPOINT # or it would be written down while something is measured
	"$psql" -qAt "$ATRIUM_DATABASE_URL" -c "SELECT name || ' = ' || current_setting(name) FROM pg_settings
		WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'shared_buffers', 'max_connections')"
}

# memory PID: what the process keeps, and kept at most.
memory() {
	echo "memory     $(awk '/VmRSS/ {print int($2/1024)}' "/proc/$1/status") MB now, $(awk '/VmHWM/ {print int($2/1024)}' "/proc/$1/status") MB at most (api, worker and scheduler in one process)"
}

# balance waits until all background work is done, and says what does not add up in the shop's books.
balance() {
	local left=1 tries findings
	for ((tries = 0; tries < 120 && left > 0; tries++)); do
		left=$("$psql" -qAt "$ATRIUM_DATABASE_URL" -c "SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now()")
		[ "$left" = 0 ] || sleep 1
	done
	findings=$("$psql" -qAt "$ATRIUM_DATABASE_URL" -f scripts/load/books.sql)
	[ "$left" = 0 ] || findings="background work is left over: $left
$findings"
	if [ -n "$findings" ]; then
		printf 'books      DO NOT BALANCE\n%s\n' "$findings"
		return 1
	fi
	"$psql" -qAt "$ATRIUM_DATABASE_URL" -c "SELECT 'books      balance: ' || count(*) || ' orders, ' || count(*) FILTER (WHERE status = 'paid') || ' paid, '
		|| count(*) FILTER (WHERE status = 'cancelled') || ' cancelled, ' || (SELECT sum(captured - refunded) FROM payments) || ' cents kept, '
		|| (SELECT count(*) FROM stock_movements) || ' movements of stock' FROM orders"
}
