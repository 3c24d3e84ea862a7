package identity_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/users"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/identity"
	"atrium/platform/tasks/taskstest"
)

func setup(t *testing.T) *moduletest.Module {
	t.Helper()
	return moduletest.New(t, userstest.New(), nil)
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.SignIn(t, "ana"), b.SignIn(t, "ben")
	own := apptest.Read[struct{ Items []struct{ ID string } }](b.Do(t, apptest.Request{Path: "/v1/me/identities", Token: ana.Access}).Want(200))
	require.Len(t, own.Items, 1)
	t.Run("only within ten minutes of signing in", func(t *testing.T) {
		who, err := b.Tokens.Authenticate(t.Context(), ana.Access)
		require.NoError(t, err)
		stale, err := b.Tokens.Issue(access.Claims{UserID: who.UserID, SessionID: who.SessionID, Roles: who.Roles, AsOf: b.Clock.Now(),
			SignedIn: time.Now().Add(-identity.FreshFor - time.Second), TTL: time.Minute})
		require.NoError(t, err)
		link := b.Post(t, "/v1/me/identities", stale, map[string]any{"provider": "google", "id_token": b.Google(t, "ana.work")})
		require.Equal(t, "auth.reauth_required", link.Want(403).Code())
		unlink := b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me/identities/" + own.Items[0].ID, Token: stale})
		require.Equal(t, "auth.reauth_required", unlink.Want(403).Code())
	})
	remove := func(who moduletest.SignedIn, id string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me/identities/" + id, Token: who.Access})
	}
	require.Equal(t, "auth.last_identity", remove(ana, own.Items[0].ID).Want(409).Code())
	remove(ben, own.Items[0].ID).Want(404)
	taken := b.Post(t, "/v1/me/identities", ana.Access, map[string]any{"provider": "google", "id_token": b.Google(t, "ben")})
	require.Equal(t, "auth.identity_taken", taken.Want(409).Code())
	linked := b.Post(t, "/v1/me/identities", ana.Access, map[string]any{"provider": "google", "id_token": b.Google(t, "ana.work")}).Want(201)
	require.NotEmpty(t, linked.Header.Get("Location"))
	require.Equal(t, ana.User.ID, b.SignIn(t, "ana.work").User.ID)
	remove(ana, own.Items[0].ID).Want(204)
	require.NotEqual(t, ana.User.ID, b.SignIn(t, "ana").User.ID, "the identity is free again")
}

// Apple wants its refresh token revoked when a person is erased; until then we hold it encrypted.
func TestRevokeToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token, code := moduletest.Mint(t, b.Config.Apple.Issuer, map[string]any{"sub": "ana.apple", "nonce": b.Nonce(t)})
	ana := apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/apple/token", "", map[string]any{"id_token": token, "authorization_code": code}).Want(200))
	all, err := b.Identities.List(t.Context(), ana.User.ID)
	require.NoError(t, err)
	require.NotEmpty(t, all[0].ProviderToken)
	opened, err := b.Master.Open("auth.provider_tokens", all[0].ID[:], all[0].ProviderToken)
	require.NoError(t, err)
	require.NotContains(t, string(all[0].ProviderToken), string(opened))
	b.Publish(t, users.Deleted{UserID: ana.User.ID})
	taskstest.Drain(t, b.DB, b.Handlers()...)
	require.Zero(t, b.Count(t, "SELECT count(*) FROM identities"))
	b.ListSessions(t, ana.Access).Want(401)
	require.Contains(t, moduletest.Fetch(t, b.Config.Apple.Issuer+"/revocations"), string(opened))
}
