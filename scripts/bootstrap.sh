#!/bin/sh
# Installs what Atrium needs beside Go, git and make, and only what is missing:
# PostgreSQL's server, redis-server and libvips' programs. With --test also what
# the tests need (a C compiler for the race detector, heif-enc, cwebp), with --browser
# also Chromium, with --bench also wrk. It never starts, changes or stops a server of the system: the
# local stack runs its own, from the same binaries. Nothing missing: no output.
set -eu

with_tests=no
with_browser=no
with_bench=no
for argument in "$@"; do
	case $argument in
	--test) with_tests=yes ;;
	--browser) with_browser=yes ;;
	--bench) with_bench=yes ;;
	*)
		echo "bootstrap.sh: unknown argument $argument (known: --test, --browser, --bench)" >&2
		exit 2
		;;
	esac
done

have() { command -v "$1" >/dev/null 2>&1; }

# Debian keeps PostgreSQL's server programs out of the PATH, brew links none.
have_postgres() {
	for folder in $(dirname "$(command -v postgres || echo /nowhere/x)") /usr/lib/postgresql/*/bin \
		/opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
		if [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ]; then return 0; fi
	done
	# A link in the PATH may point to the folder that has both.
	real=$(readlink -f "$(command -v postgres || echo /nowhere/x)" 2>/dev/null) || return 1
	[ -x "$(dirname "$real")/initdb" ]
}

have_compiler() { have gcc || have cc || have clang; }

have_browser() { have chromium || have chromium-browser || have google-chrome || [ -d "/Applications/Google Chrome.app" ] || [ -d /Applications/Chromium.app ]; }

# want NAME-ON-DEBIAN NAME-ON-BREW WHY: notes something to install.
debian=""
brew=""
reasons=""
want() {
	debian="$debian $1"
	brew="$brew $2"
	reasons="$reasons  $1: $3
"
}

have_postgres || want postgresql postgresql@17 "the database (the local stack runs a private one)"
have redis-server || want redis-server redis "queues and caches (the local stack runs a private one)"
if ! have vips || ! have vipsthumbnail; then want libvips-tools vips "makes the variants of photos"; fi
if [ $with_tests = yes ]; then
	have_compiler || want "gcc libc6-dev" "gcc" "the tests run with Go's race detector, which needs a C compiler"
	have heif-enc || want libheif-examples libheif "makes HEIC photos for the tests"
	have cwebp || want webp webp "WebP's own program, which the variants' sizes are compared with"
fi
if [ $with_browser = yes ]; then have_browser || want chromium "--cask chromium" "drives the browser tests"; fi
if [ $with_bench = yes ]; then have wrk || want wrk wrk "drives the benchmarks over HTTP"; fi

[ -n "$reasons" ] || exit 0

echo "Missing:"
printf '%s' "$reasons"

if [ "$(uname -s)" = Darwin ]; then
	if ! have brew; then
		echo "bootstrap.sh: install Homebrew (https://brew.sh) first, or by hand:$brew" >&2
		exit 1
	fi
	for package in postgresql@17 redis vips gcc libheif webp wrk; do
		case " $brew " in *" $package "*) brew install --quiet "$package" ;; esac
	done
	case $brew in *"--cask chromium"*) brew install --quiet --cask chromium ;; esac
	exit 0
fi

if ! have apt-get; then
	echo "bootstrap.sh: this system has no apt-get or brew; install by hand what Debian calls:$debian" >&2
	exit 1
fi

# root COMMAND...: runs it as root.
if [ "$(id -u)" = 0 ]; then
	root() { "$@"; }
elif have sudo; then
	root() { sudo "$@"; }
else
	echo "bootstrap.sh: installing needs root and there is no sudo; run this as root:" >&2
	echo "  apt-get update && apt-get install --no-install-recommends$debian" >&2
	exit 1
fi

# While packages are installed nothing may start a service: two well-known
# switches say so, and both are put back as they were.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.conf
made_policy=no
made_cluster=no
restore() {
	if [ $made_policy = yes ]; then root rm -f "$policy"; fi
	made_policy=no
	if [ $made_cluster = yes ]; then
		root rm -f "$cluster"
		# Where the package has arrived meanwhile, its own settings take the place.
		if [ -e /usr/share/postgresql-common/createcluster.conf ]; then
			root cp /usr/share/postgresql-common/createcluster.conf "$cluster"
		fi
	fi
	made_cluster=no
}
trap 'exit 130' INT
trap 'exit 143' TERM

case $debian in
*postgresql* | *redis-server*)
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | root sh -c "cat > $policy && chmod 755 $policy"
		made_policy=yes
	fi
	;;
esac
case $debian in
*postgresql*)
	# Where postgresql-common is installed its settings are the owner's.
	if [ ! -e "$cluster" ]; then
		root mkdir -p /etc/postgresql-common
		printf 'create_main_cluster = false\n' | root sh -c "cat > $cluster"
		made_cluster=yes
	fi
	;;
esac

log=$(mktemp)
trap 'restore; rm -f "$log"' EXIT

# apt ARGUMENTS: quiet, unless it fails.
apt() {
	if root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 \
		apt-get -o DPkg::Lock::Timeout=120 -qq "$@" >"$log" 2>&1; then return 0; fi
	tail -n 30 "$log" >&2
	echo "bootstrap.sh: apt-get $1 failed, see above" >&2
	exit 1
}

echo "Installing with apt-get."
apt update
# Newer releases keep the HEIC decoder and encoder in packages of their own.
case $debian in *libvips-tools* | *libheif-examples*)
	for plugin in libheif-plugin-libde265 libheif-plugin-x265; do
		if [ -n "$(apt-cache show --no-all-versions "$plugin" 2>/dev/null)" ]; then debian="$debian $plugin"; fi
	done
	;;
esac
# The configuration file that we made must not make dpkg ask.
# shellcheck disable=SC2086 # a list of packages
apt install -y --no-install-recommends -o Dpkg::Options::=--force-confold $debian
# The package would start its server at the next boot; it was not here before us.
case $debian in *redis-server*)
	if have systemctl; then root systemctl disable --quiet redis-server >/dev/null 2>&1 || true; fi
	;;
esac
