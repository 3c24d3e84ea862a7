#!/usr/bin/env bash
# Lays out a working module: face, service, store, route, wiring, table and tests, and enters it into the catalogue.
# new-module.sh NAME [ROOT]: ROOT is where the tree is (default: this repository).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
name=${1:-}
root=${2:-$(cd "$here/../.." && pwd)}

if ! [[ $name =~ ^[a-z][a-z0-9]{1,30}$ ]]; then
	echo "Say how it is called, in lower case letters: make new-module name=boards" >&2
	exit 1
fi
if [ -e "$root/modules/$name" ]; then
	echo "modules/$name is there already" >&2
	exit 1
fi

capital=$(printf %s "${name:0:1}" | tr a-z A-Z)${name:1}
version=$(date -u +%Y%m%d%H%M%S)
lay() { # TEMPLATE TARGET
	mkdir -p "$(dirname "$root/$2")"
	sed -e "s/__name__/$name/g" -e "s/__Name__/$capital/g" "$here/template/$1" > "$root/$2"
}
lay face.go.tmpl "modules/$name/$name.go"
lay events.go.tmpl "modules/$name/events.go"
lay service.go.tmpl "modules/$name/internal/note/service.go"
lay store.go.tmpl "modules/$name/internal/note/store.go"
lay http.go.tmpl "modules/$name/internal/note/http.go"
lay note_test.go.tmpl "modules/$name/internal/note/note_test.go"
lay fx.go.tmpl "modules/$name/${name}fx/${name}fx.go"
lay migration.sql.tmpl "migrations/${version}_$name.sql"

catalogue="$root/app/modules.go"
sed -i.bak -e "s|^\t\"atrium/modules/auth/authfx\"|\t\"atrium/modules/$name/${name}fx\"\n&|" \
	-e "/^\t{\"notifications\"/a\\
\t{\"$name\", ${name}fx.Module, ${name}fx.Off, needs(\"auth\", \"users\")}," "$catalogue"
rm -f "$catalogue.bak"
gofmt -w "$catalogue" "$root/modules/$name"
echo "modules/$name is laid out and stands in app/modules.go. Read it from $name.go; write its routes into docs/openapi.json with make generate; enter its packages into docs/ARCHITECTURE.md; run its tests with make test."
