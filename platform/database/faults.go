package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"atrium/platform/fault"
)

// Constraints maps the names of constraints (unique, check, foreign key, exclusion) to the error that a violation means.
type Constraints map[string]error

// OrNotFound is err, or notFound where err says that there is no such row.
func OrNotFound(err, notFound error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, sql.ErrNoRows) {
		return notFound
	}
	return err
}

// AtLeastOne is the error of a statement, or none where it changed no row.
func AtLeastOne(done *gorm.DB, none error) error {
	if done.Error == nil && done.RowsAffected == 0 {
		return none
	}
	return done.Error
}

// dialector is GORM's PostgreSQL with errors of this package. GORM hands it each error once, where a statement ran.
type dialector struct {
	postgres.Dialector
	constraints Constraints
}

// Translate turns a violated constraint into the error that it means, and names the operation in any other. The driver's
// error stays in the chain.
func (d dialector) Translate(err error) error {
	var known *fault.Error
	var named *operationError
	if errors.As(err, &known) || errors.As(err, &named) {
		return err
	}
	failed := failedOperation(err)
	if isUnavailable(err) {
		return errUnavailable.Because(failed)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName != "" {
		if meant, ok := d.constraints[pg.ConstraintName]; ok {
			return because(meant, failed)
		}
	}
	return failed
}

// errUnavailable: the database cannot do it at the moment, whatever was asked.
var errUnavailable = fault.Unavailable("database.unavailable", "The database cannot be reached at the moment. Try again.").After(2 * time.Second)

// isUnavailable reports whether a statement failed for a reason that passes: no connection, a server that starts or stops, a full disk,
// too many connections, a lock or a statement that took too long. A caller who went away is none of these.
func isUnavailable(err error) bool {
	var connecting *pgconn.ConnectError
	switch {
	case errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &connecting), errors.Is(err, errBusy):
		return true
	case errors.Is(err, context.DeadlineExceeded): // the caller's own
		return false
	}
	if code := sqlState(err); code != "" {
		switch code {
		case "55P03", // lock_not_available
			"57014",          // query_canceled: statement_timeout
			"25P03", "25P04": // idle in a transaction, or in it, for too long
			return true
		}
		switch code[:min(2, len(code))] {
		case "08", // connection exception
			"53", // insufficient resources: disk full, out of memory, too many connections
			"57", // operator intervention: shutting down, starting up
			"58": // system error
			return true
		}
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err)
}

// translateRow does it for Rows, Row and Scan: GORM sets what a query answers without asking its dialector.
func translateRow(db *gorm.DB) {
	if err := db.Error; err != nil {
		db.Error = nil
		_ = db.AddError(err)
	}
}

// because keeps the driver's error as the cause, for the log.
func because(meant, cause error) error {
	var f *fault.Error
	if errors.As(meant, &f) {
		return f.Because(cause)
	}
	return fmt.Errorf("%w: %w", meant, cause)
}

// operationError says which operation failed, such as comment.Store.Insert.
type operationError struct {
	operation string
	cause     error
}

func failedOperation(err error) error { return &operationError{operation: operation(), cause: err} }

// Error is the operation and what went wrong.
func (e *operationError) Error() string { return e.operation + ": " + e.cause.Error() }

// Unwrap is the driver's error.
func (e *operationError) Unwrap() error { return e.cause }

// operation names the function that came to this package, directly or through GORM. It walks the stack, about a
// microsecond, so it is asked for errors only.
func operation() string {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "gorm.io/") && !strings.HasPrefix(frame.Function, "atrium/platform/database.") {
			return shortName(frame.Function)
		}
		if !more {
			return "database"
		}
	}
}

// notInName is what Go writes into the name of a method, a generic function or a closure beside the words.
var notInName = regexp.MustCompile(`\(\*|\)|\[\.\.\.\]|(\.func|\.gowrap|-range)\d.*|-fm$`)

// shortName shortens atrium/modules/posts/internal/comment.(*Store).Insert.func1 to comment.Store.Insert. A package called
// internal goes by the name of the directory above, and a method that was inlined by its own name.
func shortName(function string) string {
	elements := strings.Split(notInName.ReplaceAllString(function, ""), "/")
	words := strings.Split(elements[len(elements)-1], ".")
	pkg, names := words[0], words[1:]
	if pkg == "internal" && len(elements) > 1 {
		pkg = elements[len(elements)-2]
	}
	return strings.Join(append([]string{pkg}, names[max(0, len(names)-2):]...), ".")
}
