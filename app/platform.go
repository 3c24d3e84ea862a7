package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"atrium/config"
	"atrium/modules/auth"
	"atrium/platform/background"
	"atrium/platform/blob"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/health"
	"atrium/platform/httpserver"
	"atrium/platform/idempotency"
	"atrium/platform/keys"
	"atrium/platform/logging"
	"atrium/platform/mail"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/payment"
	"atrium/platform/plug"
	"atrium/platform/push"
	"atrium/platform/ratelimit"
	"atrium/platform/tasks"
	"atrium/platform/telemetry"
)

// idempotencyRetention is how long an answer is replayed.
const idempotencyRetention = 24 * time.Hour

// enabled names the modules that are on.
type enabled []string

// idempotencyPruner forgets old answers.
type idempotencyPruner interface {
	Prune(ctx context.Context, olderThan time.Duration) (int64, error)
}

// sections hands each part of the configuration to whom it belongs.
func sections(cfg *config.Config) fx.Option {
	return fx.Supply(cfg.HTTP, cfg.Database, cfg.Redis, cfg.Keys, cfg.Outbox, cfg.Tasks, cfg.S3, cfg.CDN, cfg.SQS, cfg.Download, cfg.Mail, cfg.Push, cfg.Payment,
		cfg.Log, cfg.Telemetry, cfg.Auth, cfg.Users, cfg.Uploads, cfg.Posts, cfg.Products, cfg.Orders)
}

// platform provides what every module stands on.
var platform = fx.Options(
	fx.Provide(
		newLogger, newTelemetry, newDatabase, newRedis, newCache, newRelay, newServer, newLimiter,
		health.New, outbox.New, idempotency.NewStore, blob.NewCDN, blob.NewInvalidator,
		func(cfg blob.Config) (*blob.Store, error) { return blob.New(context.Background(), cfg) },
		func(cfg push.Config) (push.Sender, error) { return push.NewFCM(context.Background(), cfg) },
		func(cfg payment.Config) payment.Provider { return payment.NewStripe(cfg) },
		func(cfg mail.Config) (mail.Sender, error) { return mail.NewSMTP(cfg) },
		keys.NewMaster,
		func(m *keys.Master) *page.Signer { return page.NewSigner(m.DeriveAll("page.cursors", 32)...) },
		func(s *idempotency.Store) idempotencyPruner { return s },
		newRunner, newEnding,
		func(db *database.DB, all plug.All[tasks.Schedule], log *zap.Logger) (*tasks.Scheduler, error) {
			return tasks.NewScheduler(db, all, log)
		},
	),
	plug.Collected, plug.Schedules(retention),
	fx.Invoke(mount, mountDashboard, addChecks, addMetrics),
)

// parts are what serving starts.
type parts struct {
	fx.In

	Log       *zap.Logger
	DB        *database.DB
	Cache     *cache.Cache
	Relay     *outbox.Relay
	Runner    *tasks.Runner
	Scheduler *tasks.Scheduler
	Server    *httpserver.Server
	Health    *health.Registry
	Services  plug.All[background.Service]
	On        enabled
}

func newLogger(lc fx.Lifecycle, cfg logging.Config) (*zap.Logger, error) {
	log, err := logging.New(cfg)
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StopHook(func() { _ = log.Sync() })) // a terminal cannot be synced, which is no error of ours
	return log, nil
}

func newTelemetry(lc fx.Lifecycle, cfg telemetry.Config) (*telemetry.Telemetry, error) {
	t, err := telemetry.New(context.Background(), cfg, "atrium", Version)
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StopHook(t.Close))
	return t, nil
}

func newDatabase(lc fx.Lifecycle, cfg database.Config, log *zap.Logger, t *telemetry.Telemetry) (*database.DB, error) {
	options := []database.Option{database.WithLogger(log)}
	if t.Tracing() != nil {
		options = append(options, database.WithTracer(telemetry.StatementTracer(t.Tracing())))
	}
	db, err := database.Open(cfg, options...)
	if err != nil {
		return nil, err
	}
	// Everything that uses the schema is made after this, and so starts after it.
	lc.Append(fx.StartStopHook(func(ctx context.Context) error { return database.CheckSchema(ctx, db, latestMigration()) }, db.Close))
	return db, nil
}

func newRedis(lc fx.Lifecycle, cfg config.Redis, t *telemetry.Telemetry) (redis.UniversalClient, error) {
	options, err := redis.ParseURL(cfg.URL.Reveal())
	if err != nil {
		return nil, errors.New("redis.url is not a Redis URL (redis://host:port/0)") // the cause would show the password
	}
	client := redis.NewClient(options)
	if t.Tracing() != nil {
		if err := telemetry.InstrumentRedis(client, t.Tracing()); err != nil {
			return nil, fmt.Errorf("trace redis: %w", err)
		}
	}
	lc.Append(fx.StopHook(client.Close))
	return client, nil
}

func newCache(rdb redis.UniversalClient, box *outbox.Outbox, log *zap.Logger, t *telemetry.Telemetry) *cache.Cache {
	c := cache.New(rdb, log)
	c.KeepDrops(box.KeepDrop)
	t.Metrics.MustRegister(c)
	return c
}

func newLimiter(rdb redis.UniversalClient, log *zap.Logger, t *telemetry.Telemetry) *ratelimit.Limiter {
	l := ratelimit.New(rdb, log)
	t.Metrics.MustRegister(l.Collector())
	return l
}

func newRunner(db *database.DB, rdb redis.UniversalClient, all plug.All[tasks.Handler], cfg tasks.Config, log *zap.Logger) (*tasks.Runner, error) {
	return tasks.NewRunner(db, rdb, all, cfg, log)
}

func newRelay(db *database.DB, box *outbox.Outbox, runner *tasks.Runner, c *cache.Cache, log *zap.Logger, cfg outbox.Config) *outbox.Relay {
	relay := outbox.NewRelay(db, outbox.Receivers{
		SubscribersOf: runner.SubscribersOf, TakesBatches: runner.TakesBatches, Enqueue: runner.Enqueue, Drop: c.Repeat,
	}, log, cfg)
	relay.WokenBy(box)
	return relay
}

// serverParts are what the HTTP server needs.
type serverParts struct {
	fx.In

	Config    httpserver.Config
	Log       *zap.Logger
	Verifier  auth.Verifier
	Limiter   *ratelimit.Limiter
	Keys      *idempotency.Store
	Cache     *cache.Cache
	Health    *health.Registry
	Telemetry *telemetry.Telemetry
	On        enabled
	Bootstrap plug.All[httpserver.Bootstrap]
}

func newServer(p serverParts) (*httpserver.Server, error) {
	return httpserver.New(p.Config, httpserver.Deps{
		Log: p.Log, Authenticator: p.Verifier, Limiter: p.Limiter, Idempotency: p.Keys, Cache: p.Cache, Health: p.Health,
		Metrics: p.Telemetry.Metrics, Tracing: p.Telemetry.Tracing(), Modules: p.On, Bootstrap: p.Bootstrap,
	})
}
