package inbox_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/notifications/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/page"
)

func TestReading(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	for _, name := range []string{"c", "d", "e", "f", "g"} {
		b.Publish(b.Liked(b.People.Add(name)))
	}
	count := func() int64 {
		return apptest.Read[struct{ Count int64 }](b.Get(b.Ana, "/v1/notifications/unread-count")).Count
	}
	require.EqualValues(t, 5, count())

	var ids []uuid.UUID
	path := "/v1/notifications?limit=2"
	for {
		list := apptest.Read[page.List[moduletest.Notification]](b.Get(b.Ana, path))
		for _, n := range list.Items {
			ids = append(ids, n.ID)
		}
		if list.NextCursor == nil {
			break
		}
		path = "/v1/notifications?limit=2&cursor=" + *list.NextCursor
	}
	require.Len(t, ids, 5)
	b.App.Do(t, apptest.Request{Token: apptest.As(b.Ben), Method: http.MethodGet, Path: path}).Want(http.StatusBadRequest) // Ana's cursor

	read := func(id uuid.UUID) {
		b.Send(b.Ana, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": id}, http.StatusNoContent)
	}
	read(ids[2])
	require.EqualValues(t, 2, count())
	read(ids[4]) // older: changes nothing
	require.EqualValues(t, 2, count())
	b.Send(b.Ben, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": ids[0]}, http.StatusUnprocessableEntity)
	require.EqualValues(t, 2, count(), "another person's reading is not mine")
}
