package tasks_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/dbtest"
	"atrium/platform/outbox"
	"atrium/platform/redistest"
	"atrium/platform/tasks"
)

func TestDashboard_ShowsIDsOnly(t *testing.T) {
	t.Parallel()
	rdb := redistest.Open(t)
	handler := tasks.Subscriber("orders.count", func(context.Context, uuid.UUID, placed) error { return nil })
	runner, err := tasks.NewRunner(dbtest.Tx(t), rdb, []tasks.Handler{handler}, quickTasks, zap.NewNop())
	require.NoError(t, err)
	order := uuid.NewString()
	require.NoError(t, runner.Enqueue(t.Context(), []outbox.Delivery{{
		ID: uuid.New(), Kind: outbox.KindEvent, Name: "orders.placed.v1", Subscriber: "orders.count",
		Payload: []byte(`{"order_id": "` + order + `", "email": "anna@example.org"}`),
	}}))

	answer := httptest.NewRecorder()
	page := tasks.Dashboard(rdb, "/admin/queues")
	page.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/admin/queues/api/queues/orders.default/pending_tasks", nil))
	require.Equal(t, 200, answer.Code)
	require.Contains(t, answer.Body.String(), order)
	require.NotContains(t, answer.Body.String(), "anna")
}
