package order

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"atrium/platform/database"
	"atrium/platform/telemetry"
)

// Alerts tell operators about things that people have to look at.
type Alerts struct {
	db    *database.DB
	log   *zap.Logger
	count *prometheus.CounterVec
}

// NewAlerts registers the counter.
func NewAlerts(db *database.DB, log *zap.Logger, t *telemetry.Telemetry) *Alerts {
	return &Alerts{db, log, t.Counter("payment_alerts_total", "Things about money that people have to look at.", "kind")}
}

// Raise counts and logs an alert once the transaction that is open in ctx has committed.
func (a *Alerts) Raise(ctx context.Context, kind, message string, fields ...zap.Field) {
	a.db.AfterCommit(ctx, func(context.Context) {
		a.count.WithLabelValues(kind).Inc()
		a.log.Error(message, append(fields, zap.String("alert", kind))...)
	})
}
