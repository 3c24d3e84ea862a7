package database

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"atrium/platform/fault"
)

// Faults maps the names of constraints (unique, check, foreign key, exclusion) to the fault a caller gets.
type Faults map[string]error

// Translate turns a driver error into a fault: a violated constraint by its name through the map,
// gorm.ErrRecordNotFound into notFound (when not nil). Everything else comes back wrapped, unchanged in kind.
func (f Faults) Translate(err error, notFound error) error {
	if err == nil {
		return nil
	}
	if notFound != nil && (errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, sql.ErrNoRows)) {
		return notFound
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName != "" {
		if meant, ok := f[pg.ConstraintName]; ok {
			return because(meant, err)
		}
	}
	return fmt.Errorf("database: %w", err)
}

// because keeps the driver's error as the cause, for the log.
func because(meant, cause error) error {
	var f *fault.Error
	if errors.As(meant, &f) {
		return f.Because(cause)
	}
	return fmt.Errorf("%w: %w", meant, cause)
}
