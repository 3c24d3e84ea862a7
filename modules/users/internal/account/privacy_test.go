package account

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"atrium/platform/apptest"
	"atrium/platform/etag"
	"atrium/platform/stacktest"
)

func TestGoingPublic_AcceptsEverybody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ben := b.joinPrivate(t, "Ben")
	for i := range 5 {
		b.follow(t, b.join(t, fmt.Sprintf("asker%d", i)), ben)
	}
	b.Do(t, apptest.Request{Method: http.MethodPatch, Path: "/v1/me", Token: apptest.As(ben), Body: map[string]any{"is_private": false},
		Header: map[string]string{"If-Match": "*"}}).Want(200)
	require.EqualValues(t, 5, b.db.Number(t, "SELECT followers FROM users WHERE id = ?", ben))
	require.EqualValues(t, 5, b.db.Events(t, "users.followed.v1"))
	b.db.CountersHold(t)
}

func TestGoingPublic_AcceptsAnyNumberInBatches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ben := b.joinPrivate(t, "Ben")
	const many = 2*pendingBatch + 7
	b.db.Exec(t, `WITH asking AS (INSERT INTO users (id, handle, display_name) SELECT gen_random_uuid(), 'f' || i, 'F' FROM generate_series(1, ?::int) i RETURNING id)
		INSERT INTO follow_requests (follower_id, followee_id) SELECT id, ? FROM asking`, many, ben)
	public := func(public bool) {
		b.Do(t, apptest.Request{Method: http.MethodPatch, Path: "/v1/me", Token: apptest.As(ben), Body: map[string]any{"is_private": !public},
			Header: map[string]string{"If-Match": "*"}}).Want(200)
	}
	public(true)
	require.EqualValues(t, 1, b.db.Number(t, "SELECT count(*) FROM outbox WHERE name = 'users.admit_everybody'"), "what is left over is a task")
	require.EqualValues(t, pendingBatch, b.db.Number(t, "SELECT followers FROM users WHERE id = ?", ben))
	t.Run("whoever closes again in between keeps the rest waiting", func(t *testing.T) {
		public(false)
		require.NoError(t, b.accounts.AcceptAllPending(t.Context(), ben))
		require.EqualValues(t, many-pendingBatch, b.db.Number(t, "SELECT count(*) FROM follow_requests"))
		require.EqualValues(t, 2, b.db.Events(t, "users.privacy_changed.v1"))
	})
	b.db.Exec(t, "UPDATE users SET is_private = false WHERE id = ?", ben)
	require.NoError(t, b.accounts.AcceptAllPending(t.Context(), ben))
	require.NoError(t, b.accounts.AcceptAllPending(t.Context(), ben))
	require.EqualValues(t, many, b.db.Number(t, "SELECT followers FROM users WHERE id = ?", ben))
	require.Zero(t, b.db.Number(t, "SELECT count(*) FROM follow_requests"))
	require.EqualValues(t, many, b.db.Events(t, "users.followed.v1"))
	b.db.CountersHold(t)
}

func TestRace_OfAskingAndGoingPublic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range stacktest.Budget(10, 300) {
		ana, ben := b.join(t, fmt.Sprintf("ana%d", i)), b.joinPrivate(t, fmt.Sprintf("ben%d", i))
		open := false
		atOnce(t,
			func(ctx context.Context) error { return b.graph.Follow(ctx, ana, ben) },
			func(ctx context.Context) error {
				_, err := b.accounts.Edit(ctx, ben, etag.Any, edit{IsPrivate: &open})
				return err
			},
		)
		require.NoError(t, b.accounts.AcceptAllPending(t.Context(), ben)) // the task
		require.True(t, b.relation(t, ana, ben).Following, "nobody waits at an open door")
	}
	require.Zero(t, b.db.Number(t, "SELECT count(*) FROM follow_requests"))
	b.db.CountersHold(t)
}

// atOnce does things at once.
func atOnce(t *testing.T, deeds ...func(ctx context.Context) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	start := make(chan struct{})
	for _, deed := range deeds {
		group.Go(func() error {
			<-start
			return deed(ctx)
		})
	}
	close(start)
	require.NoError(t, group.Wait())
}
