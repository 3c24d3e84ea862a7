// Atrium is the backend of an interior-design app. This is only its door: package app is the house.
package main

import (
	"os"

	"atrium/app"
)

func main() {
	os.Exit(app.Main(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
