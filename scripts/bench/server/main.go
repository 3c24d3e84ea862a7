// Command server is Atrium with two routes more, which the feed is measured against. Only `make bench` builds it.
package main

import (
	"os"

	"go.uber.org/fx"

	"atrium/app"
	"atrium/platform/plug"
)

func main() {
	os.Exit(app.Main(os.Args[1:], os.Environ(), os.Stdout, os.Stderr, fx.Module("reference", plug.Routes(newRoutes))))
}
