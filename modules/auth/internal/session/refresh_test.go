package session_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/auth/internal/session"
	"atrium/platform/apptest"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

func TestRefreshRace_ManyAtOnceGetTheSameChild(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.SignIn(t, "ana")
	for round := range stacktest.Budget(2, 200) {
		children := make([]string, 50)
		var all sync.WaitGroup
		for i := range children {
			all.Go(func() {
				answer := b.Post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": ana.Refresh})
				if answer.Status == http.StatusOK {
					children[i] = apptest.Read[moduletest.SignedIn](answer).Refresh
				}
			})
		}
		all.Wait()
		for _, child := range children {
			require.NotEmpty(t, child, "nobody is sent away")
			require.Equal(t, children[0], child)
		}
		require.NotEqual(t, ana.Refresh, children[0])
		require.EqualValues(t, round+1, b.Count(t, "SELECT generation FROM sessions"))
		ana.Refresh = children[0]
	}
}

// Thieves that come at once find the session ended once, and its owner is told once.
func TestRefreshRace_ReuseAtOnceIsToldOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.SignIn(t, "ana")
	b.Refreshed(t, b.Refreshed(t, first.Refresh).Refresh)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { b.Refuses(t, first.Refresh, "auth.refresh_reused") })
	}
	all.Wait()
	require.Len(t, taskstest.Events[auth.SessionRevoked](t, b.DB), 1)
}

func TestRefresh_ALostAnswerIsForgiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.SignIn(t, "ana")
	second := b.Refreshed(t, first.Refresh)
	b.Clock.Advance(20 * 24 * time.Hour)
	again := b.Refreshed(t, first.Refresh)
	require.Equal(t, second.Refresh, again.Refresh, "however late: nobody has shown to have the child")

	b.ListSessions(t, again.Access).Want(200)
	require.NoError(t, b.LastSeen.Flush(t.Context()))
	b.Refuses(t, first.Refresh, "auth.refresh_reused")
}

func TestRefresh_ReuseEndsTheSessionAndNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tablet, first := b.SignIn(t, "ana"), b.SignIn(t, "ana")
	second := b.Refreshed(t, first.Refresh)
	third := b.Refreshed(t, second.Refresh)
	b.ListSessions(t, third.Access).Want(200)
	b.Refuses(t, first.Refresh, "auth.refresh_reused")

	b.ListSessions(t, third.Access).Want(401)
	b.Refuses(t, third.Refresh, "auth.refresh_reused")
	b.Refuses(t, first.Refresh, "auth.refresh_reused")
	b.ListSessions(t, tablet.Access).Want(200)
	b.Refreshed(t, tablet.Refresh)
	told := taskstest.Events[auth.SessionRevoked](t, b.DB)
	require.Len(t, told, 1, "the owner is told once")
	require.Equal(t, "reuse", told[0].Reason)
}

func TestRefresh_WithinTheReuseIntervalTheParentMayComeBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.SignIn(t, "ana")
	second := b.Refreshed(t, first.Refresh)
	b.ListSessions(t, second.Access).Want(200)
	require.NoError(t, b.LastSeen.Flush(t.Context()))
	b.Clock.Advance(29 * time.Second)
	require.Equal(t, second.Refresh, b.Refreshed(t, first.Refresh).Refresh)
	b.Clock.Advance(2 * time.Second)
	b.Refuses(t, first.Refresh, "auth.refresh_reused")
}

func TestRefresh_Refuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.SignIn(t, "ana")
	who, err := b.Tokens.Authenticate(t.Context(), ana.Access)
	require.NoError(t, err)
	forged := []byte(ana.Refresh)
	forged[40] ^= 1
	for _, token := range []string{"", "x", string(forged), ana.Access, ana.Refresh + "A", session.DeriveRefreshToken(b.Master, uuid.New(), 0), session.DeriveRefreshToken(b.Master, who.SessionID, 7)} {
		answer := b.Post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": token}).Want(401)
		require.Equal(t, "auth.invalid_refresh_token", answer.Code())
	}
	b.Clock.Advance(b.Config.RefreshTTL + time.Second)
	b.Refuses(t, ana.Refresh, "auth.invalid_refresh_token")
}

// However a refresh and the end of its session meet, nothing that comes out of them can be used afterwards.
func TestRefreshRace_AgainstLogout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range stacktest.Budget(10, 1000) {
		ana := b.SignIn(t, "ana")
		var child moduletest.SignedIn
		var all sync.WaitGroup
		all.Go(func() {
			answer := b.Post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": ana.Refresh})
			if answer.Status == http.StatusOK {
				child = apptest.Read[moduletest.SignedIn](answer)
			}
		})
		all.Go(func() { b.Post(t, "/v1/auth/logout", "", map[string]any{"refresh_token": ana.Refresh}) })
		all.Wait()
		b.ListSessions(t, ana.Access).Want(401)
		b.Post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": ana.Refresh}).Want(401)
		if child.Refresh != "" {
			b.ListSessions(t, child.Access).Want(401)
			b.Post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": child.Refresh}).Want(401)
		}
	}
}
