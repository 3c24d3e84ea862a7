package session_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/background"
	"atrium/platform/redistest"
)

// bundle is the module on a database of its own.
type bundle struct {
	*moduletest.Module
	people *userstest.Fake
}

func setup(t *testing.T) *bundle {
	t.Helper()
	people := userstest.New()
	return &bundle{Module: moduletest.New(t, people, nil), people: people}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("by the access token", func(t *testing.T) {
		ana := b.SignIn(t, "ana")
		b.Post(t, "/v1/auth/logout", ana.Access, map[string]any{}).Want(204)
		b.ListSessions(t, ana.Access).Want(401)
		b.Refuses(t, ana.Refresh, "auth.invalid_refresh_token")
		b.Post(t, "/v1/auth/logout", ana.Access, nil).Want(401)
	})
	t.Run("by the refresh token, with an access token that has expired", func(t *testing.T) {
		ana := b.SignIn(t, "ana")
		b.Clock.Advance(time.Hour)
		defer b.Clock.Advance(-time.Hour)
		b.Post(t, "/v1/auth/logout", ana.Access, map[string]any{"refresh_token": ana.Refresh}).Want(204)
		b.Post(t, "/v1/auth/logout", "", map[string]any{"refresh_token": ana.Refresh}).Want(204)
		b.Refuses(t, ana.Refresh, "auth.invalid_refresh_token")
	})
	t.Run("needs one of them", func(t *testing.T) {
		b.Post(t, "/v1/auth/logout", "", nil).Want(401)
		b.Post(t, "/v1/auth/logout", "", map[string]any{"refresh_token": "x"}).Want(401)
	})
	t.Run("everywhere", func(t *testing.T) {
		phone, tablet, ben := b.SignIn(t, "ana"), b.SignIn(t, "ana"), b.SignIn(t, "ben")
		b.Post(t, "/v1/auth/logout-all", phone.Access, nil).Want(204)
		b.ListSessions(t, phone.Access).Want(401)
		b.ListSessions(t, tablet.Access).Want(401)
		b.ListSessions(t, ben.Access).Want(200)
	})
}

func TestSessions_AreOnesOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	phone, tablet, ben := b.SignIn(t, "ana"), b.SignIn(t, "ana"), b.SignIn(t, "ben")
	type list struct {
		Items []struct {
			ID      string
			Current bool
			Place   *string
		}
	}
	own := apptest.Read[list](b.ListSessions(t, phone.Access).Want(200))
	require.Len(t, own.Items, 2)
	require.True(t, own.Items[1].Current, "the newest is first")
	remove := func(who moduletest.SignedIn, id string) int {
		return b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me/sessions/" + id, Token: who.Access}).Status
	}
	require.Equal(t, 404, remove(ben, own.Items[0].ID))
	require.Equal(t, 404, remove(ben, "nonsense"))
	b.ListSessions(t, tablet.Access).Want(200)
	require.Equal(t, 204, remove(phone, own.Items[0].ID))
	b.ListSessions(t, tablet.Access).Want(401)
	require.Len(t, apptest.Read[list](b.ListSessions(t, phone.Access).Want(200)).Items, 1)
}

// Where somebody is signed in is told by the content network alone.
func TestSessions_TellThePlace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	header := map[string]string{"CloudFront-Viewer-City": "S%C3%A3o Paulo", "CloudFront-Viewer-Country-Name": "Brazil"}
	places := func(i *moduletest.Instance, who moduletest.SignedIn) []string {
		var found []string
		for _, s := range apptest.Read[struct{ Items []struct{ Place *string } }](i.ListSessions(t, who.Access).Want(200)).Items {
			if s.Place == nil {
				found = append(found, "null")
				continue
			}
			found = append(found, *s.Place)
		}
		return found
	}
	signIn := func(i *moduletest.Instance) moduletest.SignedIn {
		return apptest.Read[moduletest.SignedIn](i.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/auth/google/token", Header: header,
			Body: map[string]any{"id_token": b.Google(t, "ana")}}).Want(200))
	}
	require.Equal(t, []string{"null"}, places(b.Instance, signIn(b.Instance)), "anybody can write a header")
	b.Proxies = []string{"127.0.0.0/8"}
	behind := b.Start(t, nil)
	ana := signIn(behind)
	require.Equal(t, []string{"São Paulo, Brazil", "null"}, places(behind, ana))
	header = map[string]string{"CloudFront-Viewer-Country-Name": "Spain"}
	behind.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/auth/refresh", Header: header, Body: map[string]any{"refresh_token": ana.Refresh}}).Want(200)
	require.Equal(t, []string{"Spain", "null"}, places(behind, ana), "where it was last seen")
}

func TestRevocation_BitesElsewhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rdb := redistest.Open(t)
	for name, other := range map[string]*moduletest.Instance{"by the poll": b.Start(t, nil), "by Redis": b.Start(t, rdb)} {
		t.Run(name, func(t *testing.T) {
			syncer := access.NewSyncer(other.Keys, other.Revocations, other.LastSeen, zap.NewNop())
			supervisor := background.Supervise(syncer.Service(), func(err error) { t.Error(err) })
			require.NoError(t, supervisor.Start(t.Context()))
			t.Cleanup(func() { require.NoError(t, supervisor.Stop(context.Background())) })
			ana := b.SignIn(t, "ana")
			other.ListSessions(t, ana.Access).Want(200)
			b.Post(t, "/v1/auth/logout", ana.Access, nil).Want(204)
			require.Eventually(t, func() bool { return other.ListSessions(t, ana.Access).Status == 401 }, 5*time.Second, 50*time.Millisecond)
		})
	}
	t.Run("also on one that starts later", func(t *testing.T) {
		ana := b.SignIn(t, "ana")
		b.Post(t, "/v1/auth/logout", ana.Access, nil).Want(204)
		late := b.Start(t, nil)
		require.NoError(t, late.Revocations.Poll(t.Context()))
		late.ListSessions(t, ana.Access).Want(401)
	})
}

// What users do to an account joins their transaction: here it is played by the face that they hold.
func TestSessionsFace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := uuid.New()
	t.Run("a locked person is out at once, and the log says by whom", func(t *testing.T) {
		ana := b.SignIn(t, "ana")
		require.NoError(t, b.Revoker.RevokeAll(t.Context(), ana.User.ID, auth.Cause{By: admin, Reason: "suspended"}))
		b.ListSessions(t, ana.Access).Want(401)
		b.Refuses(t, ana.Refresh, "auth.invalid_refresh_token")
		require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM auth_audit WHERE event = 'ended' AND detail = 'suspended' AND actor_id = ?", admin))
	})
	t.Run("a transaction that fails leaves everything as it was", func(t *testing.T) {
		ana := b.SignIn(t, "ana")
		_ = b.DB.InTx(t.Context(), func(ctx context.Context) error {
			require.NoError(t, b.Revoker.RevokeAll(ctx, ana.User.ID, auth.Cause{Reason: "suspended"}))
			return context.Canceled
		})
		b.ListSessions(t, ana.Access).Want(200)
	})
	t.Run("with other roles the old tokens are worthless, the session goes on", func(t *testing.T) {
		ben := b.SignIn(t, "ben")
		b.ListSessions(t, ben.Access).Want(200)
		require.NoError(t, b.people.Grant(t.Context(), ben.User.ID, "admin"))
		b.Clock.Advance(time.Millisecond) // tokens know no less
		require.NoError(t, b.Revoker.RolesChanged(t.Context(), ben.User.ID, []string{"user", "admin"}, admin))
		b.ListSessions(t, ben.Access).Want(401)
		b.Clock.Advance(time.Millisecond)
		next := b.Refreshed(t, ben.Refresh)
		require.Equal(t, 300, next.Expires, "an admin's tokens are short")
		b.ListSessions(t, next.Access).Want(200)
		who, err := b.Tokens.Authenticate(t.Context(), next.Access)
		require.NoError(t, err)
		require.True(t, who.Has("admin"))
		require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM auth_audit WHERE event = 'roles_changed' AND detail = 'user admin' AND actor_id = ?", admin))
	})
}
