package audit_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
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

func TestAudit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	boss, ana := b.SignIn(t, "boss"), b.SignIn(t, "ana")
	require.NoError(t, b.people.Grant(t.Context(), boss.User.ID, "admin"))
	boss = b.Refreshed(t, boss.Refresh)
	type line struct {
		At      string
		UserID  uuid.UUID  `json:"user_id"`
		ActorID *uuid.UUID `json:"actor_id"`
		Event   string
		Detail  string
	}
	type list struct {
		Items      []line
		NextCursor *string `json:"next_cursor"`
	}
	read := func(query string) list {
		return apptest.Read[list](b.Do(t, apptest.Request{Path: "/v1/admin/audit" + query, Token: boss.Access}).Want(200))
	}
	b.Refreshed(t, ana.Refresh)
	b.Post(t, "/v1/me/identities", ana.Access, map[string]any{"provider": "google", "id_token": b.Google(t, "ana.work")}).Want(201)
	require.NoError(t, b.Revoker.RolesChanged(t.Context(), ana.User.ID, []string{"user", "seller"}, boss.User.ID))
	require.NoError(t, b.Revoker.RevokeAll(t.Context(), ana.User.ID, auth.Cause{By: boss.User.ID, Reason: "suspended"}))

	t.Run("it is the story, newest first, page by page", func(t *testing.T) {
		var events []string
		cursor := ""
		for {
			page := read("?limit=2&user_id=" + ana.User.ID.String() + "&cursor=" + cursor)
			require.LessOrEqual(t, len(page.Items), 2)
			for _, l := range page.Items {
				require.Equal(t, ana.User.ID, l.UserID)
				events = append(events, l.Event+" "+l.Detail)
			}
			if page.NextCursor == nil {
				break
			}
			cursor = *page.NextCursor
		}
		require.Equal(t, []string{"ended suspended", "roles_changed user seller", "linked google", "refreshed ", "signed_in google"}, events)
	})
	t.Run("it says who did it", func(t *testing.T) {
		ended := read("?event=ended").Items
		require.Len(t, ended, 1)
		require.Equal(t, boss.User.ID, *ended[0].ActorID)
		require.Nil(t, read("?event=linked").Items[0].ActorID)
	})
	t.Run("it is for admins", func(t *testing.T) {
		ben := b.SignIn(t, "ben")
		b.Do(t, apptest.Request{Path: "/v1/admin/audit", Token: ben.Access}).Want(403)
		b.Do(t, apptest.Request{Path: "/v1/admin/audit"}).Want(401)
	})
	t.Run("what is wrong is said", func(t *testing.T) {
		for query, status := range map[string]int{"?user_id=x": 422, "?event=lunch": 422, "?cursor=x": 400, "?limit=0": 422} {
			b.Do(t, apptest.Request{Path: "/v1/admin/audit" + query, Token: boss.Access}).Want(status)
		}
	})
}
