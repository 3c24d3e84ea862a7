package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"atrium/platform/telemetry"
)

func TestCounter(t *testing.T) {
	t.Parallel()
	tel, err := telemetry.New(t.Context(), telemetry.Config{}, "atrium", "test")
	require.NoError(t, err)
	require.Nil(t, tel.Tracing())
	paid := tel.Counter("orders_paid_total", "Orders paid.", "currency")
	paid.WithLabelValues("EUR").Inc()
	require.InDelta(t, 1, testutil.ToFloat64(paid), 0)
	count, err := testutil.GatherAndCount(tel.Metrics, "atrium_orders_paid_total")
	require.NoError(t, err)
	require.Equal(t, 1, count)
	require.NoError(t, tel.Close(t.Context()))
}

func TestTraces(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.URL.Path }))
	t.Cleanup(collector.Close)
	tel, err := telemetry.New(t.Context(), telemetry.Config{Endpoint: collector.URL + "/v1/traces", Sample: 1}, "atrium", "test")
	require.NoError(t, err)
	_, span := tel.Tracing().Tracer("test").Start(t.Context(), "work")
	span.End()
	require.NoError(t, tel.Close(t.Context()), "closing sends what waits")
	require.Equal(t, "/v1/traces", <-got)
}
