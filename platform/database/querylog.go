package database

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"go.uber.org/zap"
	"gorm.io/gorm/logger"
)

// slow is how long a statement may take without being mentioned in the log.
const slow = 500 * time.Millisecond

// queryLog is GORM's logger: silent, but for slow statements. Errors are returned, so they are not logged here.
type queryLog struct{ log *zap.Logger }

// LogMode changes nothing: there is one level.
func (l queryLog) LogMode(logger.LogLevel) logger.Interface { return l }

// Info says nothing.
func (queryLog) Info(context.Context, string, ...any) {}

// Warn passes on what GORM warns of.
func (l queryLog) Warn(_ context.Context, format string, args ...any) {
	l.log.Warn("gorm: " + fmt.Sprintf(format, args...))
}

// Error passes on what GORM cannot return.
func (l queryLog) Error(_ context.Context, format string, args ...any) {
	l.log.Error("gorm: " + fmt.Sprintf(format, args...))
}

// Trace mentions slow statements.
func (l queryLog) Trace(_ context.Context, begin time.Time, statement func() (string, int64), _ error) {
	took := time.Since(begin)
	if took < slow {
		return
	}
	sql, rows := statement()
	l.log.Warn("slow statement", zap.Duration("took", took), zap.Int64("rows", rows),
		zap.String("sql", literal.ReplaceAllString(sql, "'?'")))
}

// literal is a text in SQL. Values must not get into the log, since they hold e-mail addresses and tokens. GORM asks
// ParamsFilter for some statements, but writes the values of others (those of Scan) into the SQL that it passes to Trace.
var literal = regexp.MustCompile(`'(?:[^']|'')*'`)

// ParamsFilter leaves the values out.
func (queryLog) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) {
	return sql, nil
}
