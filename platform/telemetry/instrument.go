package telemetry

import (
	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
)

// StatementTracer traces every statement, without its values: they are people's data.
func StatementTracer(provider trace.TracerProvider) pgx.QueryTracer {
	return otelpgx.NewTracer(otelpgx.WithTracerProvider(provider))
}

// InstrumentRedis traces every command, without its arguments.
func InstrumentRedis(client redis.UniversalClient, provider trace.TracerProvider) error {
	return redisotel.InstrumentTracing(client, redisotel.WithTracerProvider(provider), redisotel.WithDBStatement(false))
}
