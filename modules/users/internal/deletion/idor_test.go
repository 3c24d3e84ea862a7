package deletion

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
	"atrium/platform/identity"
)

// Whatever a route names by an id or a token, a stranger gets 404 (403 in the back office, before anything is looked up) and
// changes nothing.
func TestIDOR_AStrangersWayThroughEveryRouteWithAnID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, eve := b.joinPrivate(t, "Ana"), b.join(t, "Ben"), b.join(t, "Eve")
	b.follow(t, ben, ana) // asks
	require.NoError(t, b.graph.Block(t.Context(), ana, eve))
	leaving, err := b.deletions.Schedule(t.Context(), b.join(t, "Leo"))
	require.NoError(t, err)
	state := func() (s string) {
		require.NoError(t, b.db.Conn(t.Context()).Raw(`SELECT concat_ws('|',
			(SELECT jsonb_agg(u ORDER BY id) FROM users u), (SELECT jsonb_agg(f ORDER BY 1) FROM follow_requests f),
			(SELECT jsonb_agg(f) FROM user_follows f), (SELECT jsonb_agg(f) FROM user_blocks f), (SELECT jsonb_agg(f) FROM user_mutes f),
			(SELECT jsonb_agg(f) FROM user_erasures f), (SELECT count(*) FROM outbox))`).Scan(&s).Error)
		return s
	}
	before := state()
	values := strings.NewReplacer("{user}", ana.String(), "{id}", ana.String(), "{token}", leaving.Progress[:len(leaving.Progress)-4]+"AAAA")
	swept := 0
	for path, item := range b.Server.OpenAPI().Paths {
		if !strings.Contains(path, "{") {
			continue
		}
		for method, op := range map[string]any{http.MethodGet: item.Get, http.MethodPut: item.Put, http.MethodPost: item.Post, http.MethodDelete: item.Delete} {
			if op == nil || path == "/v1/users/{user}/block" && method == http.MethodPut {
				continue // blocking back takes effect: TestFault_V4_V11_OneWhoBlocksMeAnswersAsMissing in graph
			}
			answer := b.Do(t, apptest.Request{Method: method, Path: values.Replace(path), Token: apptest.As(eve)})
			if answer.Status == http.StatusMethodNotAllowed {
				continue // the document has no such operation: a typed nil
			}
			swept++
			want := http.StatusNotFound
			if strings.HasPrefix(path, "/v1/admin/") {
				want = http.StatusForbidden
			}
			require.Equal(t, want, answer.Status, "%s %s: %s", method, path, answer.Body)
		}
	}
	require.Greater(t, swept, 14)
	require.Equal(t, before, state())
	t.Run("an admin of nobody finds nobody", func(t *testing.T) {
		b.Do(t, apptest.Request{Path: "/v1/admin/users/" + eve.String() + "/erasure", Token: apptest.As(eve, identity.RoleAdmin)}).Want(404)
	})
}
