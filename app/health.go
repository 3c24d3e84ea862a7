package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"atrium/migrations"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/health"
	"atrium/platform/outbox"
	"atrium/platform/telemetry"
)

func latestMigration() int64 { return migrations.Latest() }

// addChecks tells /readyz what to look at. Only PostgreSQL and its schema make a process unavailable.
func addChecks(registry *health.Registry, db *database.DB, rdb redis.UniversalClient, files *blob.Store, box *outbox.Outbox) {
	registry.Add(health.Check{Name: "postgres", Required: true, Run: db.Ping})
	registry.Add(health.Check{Name: "schema", Required: true, Run: func(ctx context.Context) error {
		return database.CheckSchema(ctx, db, latestMigration())
	}})
	registry.Add(health.Check{Name: "redis", Run: func(ctx context.Context) error { return rdb.Ping(ctx).Err() }})
	registry.Add(health.Check{Name: "s3", Run: files.Ping})
	registry.Add(health.Check{Name: "queue", Run: func(ctx context.Context) error {
		backlog, err := box.Backlog(ctx)
		if err != nil {
			return err
		}
		return behind(backlog)
	}})
}

// addMetrics adds the pool and the outbox to /metrics.
func addMetrics(t *telemetry.Telemetry, db *database.DB, box *outbox.Outbox) {
	t.Metrics.MustRegister(collectors.NewDBStatsCollector(db.Pool(), "atrium"), backlogCollector{box})
}

// backlogLimit is how long work may wait before the queue counts as degraded.
const backlogLimit = 2 * time.Minute

// behind says what makes the queue count as degraded. What waits for a module that is switched off everywhere does not.
func behind(b outbox.Backlog) error {
	if b.Lag > backlogLimit {
		return fmt.Errorf("the oldest row that is due has waited for %s", b.Lag)
	}
	for _, p := range b.Parked {
		if p.Known && p.Oldest > backlogLimit {
			return fmt.Errorf("no living worker has %s, for which %d rows have waited up to %s", p.Handler, p.Rows, p.Oldest)
		}
	}
	return nil
}

var (
	backlogParked = prometheus.NewDesc("atrium_outbox_parked", "Rows that wait for a handler that no living worker has, up to 100,000.", []string{"handler"}, nil)
	parkedAge     = prometheus.NewDesc("atrium_outbox_parked_seconds", "Age of the oldest row that waits for a handler that no living worker has.",
		[]string{"handler"}, nil)
	backlogDead = prometheus.NewDesc("atrium_outbox_dead_letters", "Deliveries that a subscriber has given up.", nil, nil)
	backlogAge  = prometheus.NewDesc("atrium_outbox_lag_seconds", "Age of the oldest row that waits.", nil, nil)
)

// backlogCollector asks the outbox at each scrape.
type backlogCollector struct{ box *outbox.Outbox }

// Describe names the figures.
func (c backlogCollector) Describe(out chan<- *prometheus.Desc) {
	out <- backlogDead
	out <- backlogAge
	out <- backlogParked
	out <- parkedAge
}

// Collect reads the figures; a database that does not answer leaves them out.
func (c backlogCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	b, err := c.box.Backlog(ctx)
	if err != nil {
		return
	}
	out <- prometheus.MustNewConstMetric(backlogDead, prometheus.GaugeValue, float64(b.Dead))
	out <- prometheus.MustNewConstMetric(backlogAge, prometheus.GaugeValue, b.Lag.Seconds())
	for _, p := range b.Parked {
		out <- prometheus.MustNewConstMetric(backlogParked, prometheus.GaugeValue, float64(p.Rows), p.Handler)
		out <- prometheus.MustNewConstMetric(parkedAge, prometheus.GaugeValue, p.Oldest.Seconds(), p.Handler)
	}
}
