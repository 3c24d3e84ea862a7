# Sourced by the load test and the benchmarks, inside a local stack: an empty database becomes the world of world.sql.
psql=$(command -v psql || ls /usr/lib/postgresql/*/bin/psql | tail -n 1)

# fill USERS POSTS PRODUCTS FOLLOWED: FOLLOWED is how many the first 500 people follow; everybody else follows 50.
fill() {
	bin/atrium migrate
	echo "filling the world: $1 people, $2 posts, $3 products; the first 500 people follow $4, all others 50"
	"$psql" -q "$ATRIUM_DATABASE_URL" -v users="$1" -v posts="$2" -v products="$3" -v followed="$4" -f scripts/load/world.sql
	"$psql" -qAt "$ATRIUM_DATABASE_URL" -c "SELECT name || ' = ' || current_setting(name) FROM pg_settings
		WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'shared_buffers', 'max_connections')"
}

# memory PID: what the process keeps, and kept at most.
memory() {
	echo "memory     $(awk '/VmRSS/ {print int($2/1024)}' "/proc/$1/status") MB now, $(awk '/VmHWM/ {print int($2/1024)}' "/proc/$1/status") MB at most (api, worker and scheduler in one process)"
}
