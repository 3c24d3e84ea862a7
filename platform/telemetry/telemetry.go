// Package telemetry is what this process tells its operators: Prometheus metrics always, OpenTelemetry traces where a
// collector is configured.
package telemetry

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Config is the section "telemetry" of the configuration.
type Config struct {
	Endpoint string  `koanf:"endpoint" validate:"omitempty,url"` // of an OTLP/HTTP collector: "http://127.0.0.1:4318"; empty: no traces
	Sample   float64 `koanf:"sample" validate:"min=0,max=1"`     // share of the traces that are kept
}

// Telemetry holds the process's metrics and tracer.
type Telemetry struct {
	Metrics *prometheus.Registry
	tracing *sdktrace.TracerProvider // nil: off
}

// New sets metrics up, and traces where an endpoint is configured: then also OpenTelemetry's global provider, which the
// libraries that trace themselves use. The collector need not be there.
func New(ctx context.Context, cfg Config, service, version string) (*Telemetry, error) {
	t := &Telemetry{Metrics: prometheus.NewRegistry()}
	t.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.Endpoint == "" {
		return t, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("telemetry: trace exporter: %w", err)
	}
	t.tracing = sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", service), attribute.String("service.version", version))),
	)
	otel.SetTracerProvider(t.tracing)
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	return t, nil
}

// Tracing returns the provider of traces, or nil where they are off.
func (t *Telemetry) Tracing() trace.TracerProvider {
	if t.tracing == nil {
		return nil // a nil interface, not an interface of a nil pointer
	}
	return t.tracing
}

// Close sends what is still waiting, until ctx ends.
func (t *Telemetry) Close(ctx context.Context) error {
	if t.tracing == nil {
		return nil
	}
	if err := t.tracing.Shutdown(ctx); err != nil {
		return fmt.Errorf("telemetry: send the last traces: %w", err)
	}
	return nil
}

// Counter registers a count of the business: Counter("orders_paid_total", "Orders paid.", "currency"). Names get the
// prefix "atrium_"; labels must have few values. A name that is taken panics: it is a mistake of the program.
func (t *Telemetry) Counter(name, help string, labels ...string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "atrium", Name: name, Help: help}, labels)
	t.Metrics.MustRegister(counter)
	return counter
}

// Level registers a figure of the business that goes up and down, and returns what sets it. Names as for Counter.
func (t *Telemetry) Level(name, help string) (set func(n int)) {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "atrium", Name: name, Help: help})
	t.Metrics.MustRegister(gauge)
	return func(n int) { gauge.Set(float64(n)) }
}
