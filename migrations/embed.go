// Package migrations holds the schema as SQL files that only go forward. Each file belongs to one module, whose name is in
// its own; together they always run in full, whatever modules are on.
package migrations

import (
	"embed"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// FS holds the files, named "<version>_<owner>.sql".
//
//go:embed *.sql
var FS embed.FS

// Latest returns the version of the newest file: what this build needs the database to be at.
func Latest() int64 {
	names, _ := fs.Glob(FS, "*.sql") // the pattern is constant and valid
	var latest int64
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		if version, err := strconv.ParseInt(number, 10, 64); err == nil {
			latest = max(latest, version)
		}
	}
	return latest
}
