package internal

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/platform/apptest"
	"atrium/platform/outbox"
	"atrium/platform/redistest"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

// outboxed publishes an event as another module would.
func outboxed(b *bundle, e outbox.Event) func(ctx context.Context) error {
	return func(ctx context.Context) error { return outbox.New(b.db).Publish(ctx, e) }
}

func TestRefreshRace_ManyAtOnceGetTheSameChild(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.signIn(t, "ana")
	for round := range stacktest.Budget(2, 200) {
		children := make([]string, 50)
		var all sync.WaitGroup
		for i := range children {
			all.Go(func() {
				answer := b.post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": ana.Refresh})
				if answer.Status == http.StatusOK {
					children[i] = apptest.Read[signedIn](answer).Refresh
				}
			})
		}
		all.Wait()
		for _, child := range children {
			require.NotEmpty(t, child, "nobody is sent away")
			require.Equal(t, children[0], child)
		}
		require.NotEqual(t, ana.Refresh, children[0])
		require.EqualValues(t, round+1, b.number(t, "SELECT generation FROM sessions"))
		ana.Refresh = children[0]
	}
}

// Thieves that come at once find the session ended once, and its owner is told once.
func TestRefreshRace_ReuseAtOnceIsToldOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.signIn(t, "ana")
	b.refreshed(t, b.refreshed(t, first.Refresh).Refresh)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { b.refuses(t, first.Refresh, "auth.refresh_reused") })
	}
	all.Wait()
	require.Len(t, taskstest.Events[auth.SessionRevoked](t, b.db), 1)
}

func TestRefresh_ALostAnswerIsForgiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.signIn(t, "ana")
	second := b.refreshed(t, first.Refresh)
	b.clock.advance(20 * 24 * time.Hour)
	again := b.refreshed(t, first.Refresh)
	require.Equal(t, second.Refresh, again.Refresh, "however late: nobody has shown to have the child")

	b.sessions(t, again.Access).Want(200)
	require.NoError(t, b.seen.Flush(t.Context()))
	b.refuses(t, first.Refresh, "auth.refresh_reused")
}

func TestRefresh_ReuseEndsTheSessionAndNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tablet, first := b.signIn(t, "ana"), b.signIn(t, "ana")
	second := b.refreshed(t, first.Refresh)
	third := b.refreshed(t, second.Refresh)
	b.sessions(t, third.Access).Want(200)
	b.refuses(t, first.Refresh, "auth.refresh_reused")

	b.sessions(t, third.Access).Want(401)
	b.refuses(t, third.Refresh, "auth.refresh_reused")
	b.refuses(t, first.Refresh, "auth.refresh_reused")
	b.sessions(t, tablet.Access).Want(200)
	b.refreshed(t, tablet.Refresh)
	told := taskstest.Events[auth.SessionRevoked](t, b.db)
	require.Len(t, told, 1, "the owner is told once")
	require.Equal(t, "reuse", told[0].Reason)
}

func TestRefresh_WithinTheForgivenessTheParentMayComeBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.signIn(t, "ana")
	second := b.refreshed(t, first.Refresh)
	b.sessions(t, second.Access).Want(200)
	require.NoError(t, b.seen.Flush(t.Context()))
	b.clock.advance(29 * time.Second)
	require.Equal(t, second.Refresh, b.refreshed(t, first.Refresh).Refresh)
	b.clock.advance(2 * time.Second)
	b.refuses(t, first.Refresh, "auth.refresh_reused")
}

func TestRefresh_Refuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.signIn(t, "ana")
	id, _, ok := b.auth.refresh.open(ana.Refresh)
	require.True(t, ok)
	forged := []byte(ana.Refresh)
	forged[40] ^= 1
	for _, token := range []string{"", "x", string(forged), ana.Access, ana.Refresh + "A", b.auth.refresh.derive(uuid.New(), 0), b.auth.refresh.derive(id, 7)} {
		answer := b.post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": token}).Want(401)
		require.Equal(t, "auth.invalid_refresh_token", answer.Code())
	}
	b.clock.advance(b.cfg.RefreshTTL + time.Second)
	b.refuses(t, ana.Refresh, "auth.invalid_refresh_token")
}

// However a refresh and the end of its session meet, nothing that comes out of them can be used afterwards.
func TestRefreshRace_AgainstLogout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range stacktest.Budget(10, 1000) {
		ana := b.signIn(t, "ana")
		var child signedIn
		var all sync.WaitGroup
		all.Go(func() {
			answer := b.post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": ana.Refresh})
			if answer.Status == http.StatusOK {
				child = apptest.Read[signedIn](answer)
			}
		})
		all.Go(func() { b.post(t, "/v1/auth/logout", "", map[string]any{"refresh_token": ana.Refresh}) })
		all.Wait()
		b.sessions(t, ana.Access).Want(401)
		b.post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": ana.Refresh}).Want(401)
		if child.Refresh != "" {
			b.sessions(t, child.Access).Want(401)
			b.post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": child.Refresh}).Want(401)
		}
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("by the access token", func(t *testing.T) {
		ana := b.signIn(t, "ana")
		b.post(t, "/v1/auth/logout", ana.Access, map[string]any{}).Want(204)
		b.sessions(t, ana.Access).Want(401)
		b.refuses(t, ana.Refresh, "auth.invalid_refresh_token")
		b.post(t, "/v1/auth/logout", ana.Access, nil).Want(401)
	})
	t.Run("by the refresh token, with an access token that has expired", func(t *testing.T) {
		ana := b.signIn(t, "ana")
		b.clock.advance(time.Hour)
		defer b.clock.advance(-time.Hour)
		b.post(t, "/v1/auth/logout", ana.Access, map[string]any{"refresh_token": ana.Refresh}).Want(204)
		b.post(t, "/v1/auth/logout", "", map[string]any{"refresh_token": ana.Refresh}).Want(204)
		b.refuses(t, ana.Refresh, "auth.invalid_refresh_token")
	})
	t.Run("needs one of them", func(t *testing.T) {
		b.post(t, "/v1/auth/logout", "", nil).Want(401)
		b.post(t, "/v1/auth/logout", "", map[string]any{"refresh_token": "x"}).Want(401)
	})
	t.Run("everywhere", func(t *testing.T) {
		phone, tablet, ben := b.signIn(t, "ana"), b.signIn(t, "ana"), b.signIn(t, "ben")
		b.post(t, "/v1/auth/logout-all", phone.Access, nil).Want(204)
		b.sessions(t, phone.Access).Want(401)
		b.sessions(t, tablet.Access).Want(401)
		b.sessions(t, ben.Access).Want(200)
	})
}

func TestSessions_AreOnesOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	phone, tablet, ben := b.signIn(t, "ana"), b.signIn(t, "ana"), b.signIn(t, "ben")
	type list struct {
		Items []struct {
			ID      string
			Current bool
			Place   *string
		}
	}
	own := apptest.Read[list](b.sessions(t, phone.Access).Want(200))
	require.Len(t, own.Items, 2)
	require.True(t, own.Items[1].Current, "the newest is first")
	remove := func(who signedIn, id string) int {
		return b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me/sessions/" + id, Token: who.Access}).Status
	}
	require.Equal(t, 404, remove(ben, own.Items[0].ID))
	require.Equal(t, 404, remove(ben, "nonsense"))
	b.sessions(t, tablet.Access).Want(200)
	require.Equal(t, 204, remove(phone, own.Items[0].ID))
	b.sessions(t, tablet.Access).Want(401)
	require.Len(t, apptest.Read[list](b.sessions(t, phone.Access).Want(200)).Items, 1)
}

func TestRevocation_BitesElsewhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rdb := redistest.Open(t)
	for name, other := range map[string]*instance{"by the poll": b.start(t, nil), "by Redis": b.start(t, rdb)} {
		t.Run(name, func(t *testing.T) {
			watch := access.NewWatch(other.keys, other.revoked, other.seen, zap.NewNop())
			require.NoError(t, watch.Start(t.Context()))
			t.Cleanup(func() { _ = watch.Stop(context.Background()) })
			ana := b.signIn(t, "ana")
			other.sessions(t, ana.Access).Want(200)
			b.post(t, "/v1/auth/logout", ana.Access, nil).Want(204)
			require.Eventually(t, func() bool { return other.sessions(t, ana.Access).Status == 401 }, 5*time.Second, 50*time.Millisecond)
		})
	}
	t.Run("also on one that starts later", func(t *testing.T) {
		ana := b.signIn(t, "ana")
		b.post(t, "/v1/auth/logout", ana.Access, nil).Want(204)
		late := b.start(t, nil)
		require.NoError(t, late.revoked.Poll(t.Context()))
		late.sessions(t, ana.Access).Want(401)
	})
}

// What users do to an account joins their transaction: here it is played by the face that they hold.
func TestSessionsFace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := uuid.New()
	t.Run("a locked person is out at once, and the log says by whom", func(t *testing.T) {
		ana := b.signIn(t, "ana")
		require.NoError(t, b.endings.RevokeAll(t.Context(), ana.User.ID, auth.Cause{By: admin, Reason: "suspended"}))
		b.sessions(t, ana.Access).Want(401)
		b.refuses(t, ana.Refresh, "auth.invalid_refresh_token")
		require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM auth_audit WHERE event = 'ended' AND detail = 'suspended' AND actor_id = ?", admin))
	})
	t.Run("a transaction that fails leaves everything as it was", func(t *testing.T) {
		ana := b.signIn(t, "ana")
		_ = b.db.InTx(t.Context(), func(ctx context.Context) error {
			require.NoError(t, b.endings.RevokeAll(ctx, ana.User.ID, auth.Cause{Reason: "suspended"}))
			return context.Canceled
		})
		b.sessions(t, ana.Access).Want(200)
	})
	t.Run("with other roles the old tokens are worthless, the session goes on", func(t *testing.T) {
		ben := b.signIn(t, "ben")
		b.sessions(t, ben.Access).Want(200)
		require.NoError(t, b.people.Grant(t.Context(), ben.User.ID, "admin"))
		b.clock.advance(time.Millisecond) // tokens know no less
		require.NoError(t, b.endings.RolesChanged(t.Context(), ben.User.ID, []string{"user", "admin"}, admin))
		b.sessions(t, ben.Access).Want(401)
		b.clock.advance(time.Millisecond)
		next := b.refreshed(t, ben.Refresh)
		require.Equal(t, 300, next.Expires, "an admin's tokens are short")
		b.sessions(t, next.Access).Want(200)
		who, err := b.tokens.Authenticate(t.Context(), next.Access)
		require.NoError(t, err)
		require.True(t, who.Has("admin"))
		require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM auth_audit WHERE event = 'roles_changed' AND detail = 'user admin' AND actor_id = ?", admin))
	})
}

func TestPrune_KeepsWhatLives(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.signIn(t, "ana")
	b.nonce(t)
	b.post(t, "/v1/auth/logout", b.signIn(t, "ben").Access, nil).Want(204)
	require.NoError(t, b.auth.Prune(t.Context()))
	require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM nonces"))
	b.clock.advance(50 * time.Hour)
	require.NoError(t, b.auth.Prune(t.Context()))
	require.Zero(t, b.number(t, "SELECT (SELECT count(*) FROM nonces) + (SELECT count(*) FROM revocations) + (SELECT count(*) FROM auth_audit)"))
	b.refreshed(t, ana.Refresh)
}
