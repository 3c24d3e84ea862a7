package account

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/etag"
	"atrium/platform/identity"
	"atrium/platform/tasks/taskstest"
)

func TestSignUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("many people of one name at once get handles of their own", func(t *testing.T) {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { _, _ = b.accounts.SignUp(t.Context(), users.NewPerson{Name: "Ana García"}) })
		}
		all.Wait()
		require.EqualValues(t, 20, b.db.Number(t, "SELECT count(DISTINCT handle) FROM users"))
		require.EqualValues(t, 20, b.db.Number(t, "SELECT count(*) FROM user_handles h JOIN users u ON u.id = h.user_id AND u.handle = h.handle"))
	})
	t.Run("a person without a usable name is somebody too", func(t *testing.T) {
		me, err := b.accounts.Me(t.Context(), b.join(t, "\x00 \u200b"))
		require.NoError(t, err)
		require.Regexp(t, `^user\d+$`, me.Handle)
		require.Equal(t, "New member", me.DisplayName)
	})
	t.Run("nobody has more roles than everybody", func(t *testing.T) {
		me, err := b.accounts.Me(t.Context(), b.join(t, "Zoe"))
		require.NoError(t, err)
		require.Equal(t, []string{"user"}, me.Roles)
		require.EqualValues(t, 1, me.Version)
	})
}

func patch(t *testing.T, b *bundle, path string, who uuid.UUID, match string, body any) *apptest.Response {
	t.Helper()
	header := map[string]string{}
	if match != "" {
		header["If-Match"] = match
	}
	return b.Do(t, apptest.Request{Method: http.MethodPatch, Path: path, Token: apptest.As(who), Body: body, Header: header})
}

func TestEditMe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.join(t, "Ana"), b.join(t, "Ben")
	first := b.Do(t, apptest.Request{Path: "/v1/me", Token: apptest.As(ana)}).Want(200)
	require.Equal(t, `"1"`, first.Header.Get("ETag"))
	require.Contains(t, string(first.Body), `"email":"Ana@atrium.test"`)

	patch(t, b, "/v1/me", ana, "", map[string]any{"bio": "x"}).Want(428)
	edited := patch(t, b, "/v1/me", ana, `"1"`, map[string]any{"bio": "  Small flats  ", "display_name": "Ana\tG"}).Want(200)
	require.Equal(t, `"2"`, edited.Header.Get("ETag"))
	require.Contains(t, string(edited.Body), `"bio":"Small flats"`)
	stale := patch(t, b, "/v1/me", ana, `"1"`, map[string]any{"bio": "y"}).Want(412)
	require.Equal(t, `"2"`, stale.JSON()["current_etag"])
	patch(t, b, "/v1/me", ana, "*", map[string]any{"email": "x@y.z"}).Want(422)
	for _, nothing := range []string{" ", "\u200b", "\u2800", "\u3164", "\u00ad \u200b"} {
		require.Contains(t, string(patch(t, b, "/v1/me", ana, "*", map[string]any{"display_name": nothing}).Want(422).Body), "/body/display_name")
	}
	require.Equal(t, "Joevil", patch(t, b, "/v1/me", ana, "*", map[string]any{"display_name": "Jo\u202eevil\u0007"}).Want(200).JSON()["display_name"])
	long := patch(t, b, "/v1/me", ana, "*", map[string]any{"display_name": strings.Repeat("👩‍🎨", 51)}).Want(422)
	require.Contains(t, string(long.Body), "/body/display_name")
	patch(t, b, "/v1/me", ana, "*", map[string]any{"display_name": strings.Repeat("👩‍🎨", 50)}).Want(200)

	t.Run("what others see changes at once", func(t *testing.T) {
		_, err := b.directory.Refs(t.Context(), []uuid.UUID{ana})
		require.NoError(t, err)
		patch(t, b, "/v1/me", ana, "*", map[string]any{"display_name": "Anna"}).Want(200)
		refs, err := b.directory.Refs(t.Context(), []uuid.UUID{ana})
		require.NoError(t, err)
		require.Equal(t, "Anna", refs[ana].DisplayName)
	})
	for _, picture := range []string{"avatar", "cover"} {
		field := picture + "_upload_id"
		shown := func(path string, viewer uuid.UUID) any {
			return b.Do(t, apptest.Request{Method: "GET", Path: path, Token: apptest.As(viewer)}).Want(200).JSON()[picture]
		}
		t.Run("the "+picture+" is claimed, shown, and given up for the next", func(t *testing.T) {
			one, two := b.library.Add(ana), b.library.Add(ana)
			patch(t, b, "/v1/me", ana, "*", map[string]any{field: one}).Want(200)
			require.True(t, b.library.Used(one))
			require.Equal(t, one.String(), shown("/v1/users/"+ana.String(), ben).(map[string]any)["id"])
			patch(t, b, "/v1/me", ana, "*", map[string]any{field: two}).Want(200)
			require.Equal(t, two.String(), shown("/v1/me", ana).(map[string]any)["id"])
			require.Nil(t, patch(t, b, "/v1/me", ana, "*", map[string]any{field: nil}).Want(200).JSON()[picture])
			require.Nil(t, shown("/v1/users/"+ana.String(), ben))
		})
		t.Run("a foreign upload for the "+picture+" is named in the body", func(t *testing.T) {
			for _, id := range []any{b.library.Add(ben), uuid.New(), "nonsense"} {
				require.Contains(t, string(patch(t, b, "/v1/me", ana, "*", map[string]any{field: id}).Want(422).Body), "/body/"+field)
			}
		})
	}
}

func TestHandleChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.join(t, "Ana"), b.join(t, "Ben")
	rename := func(who uuid.UUID, handle string) *apptest.Response {
		return patch(t, b, "/v1/me", who, "*", map[string]any{"handle": handle})
	}
	rename(ana, "Modern.Ana").Want(200)
	t.Run("the old one still leads there", func(t *testing.T) {
		require.Contains(t, string(b.Do(t, apptest.Request{Path: "/v1/users/ana"}).Want(200).Body), `"handle":"modern.ana"`)
	})
	t.Run("neither it nor a look-alike is free", func(t *testing.T) {
		for _, taken := range []string{"ana", "modern.ana", "modem.ana", "ＭＯＤＥＲＮ.ana"} {
			require.Equal(t, "users.handle_taken", rename(ben, taken).Want(409).Code(), taken)
		}
	})
	t.Run("two changes in 30 days, then no more", func(t *testing.T) {
		rename(ana, "ana").Want(200)
		rename(ana, "ana").Want(200)
		third := rename(ana, "ana.third").Want(409)
		require.Equal(t, "users.handle_changed_often", third.Code())
		require.NotEmpty(t, third.JSON()["retry_at"])
		b.db.Exec(t, "UPDATE users SET handle_changed_before = now() - interval '31 days' WHERE id = ?", ana)
		rename(ana, "ana.third").Want(200)
	})
	t.Run("an old one is free after its time", func(t *testing.T) {
		b.db.Exec(t, "UPDATE user_handles SET expires_at = now() - interval '1 second' WHERE handle = 'ana'")
		b.Do(t, apptest.Request{Path: "/v1/users/ana"}).Want(404)
		rename(ben, "ana").Want(200)
	})
	t.Run("of many who want one handle, one gets it", func(t *testing.T) {
		var all sync.WaitGroup
		results := make([]error, 8)
		handle := "wanted"
		for i := range results {
			id := b.join(t, fmt.Sprintf("racer%d", i))
			all.Go(func() { _, results[i] = b.accounts.Edit(t.Context(), id, etag.Any, edit{Handle: &handle}) })
		}
		all.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else {
				require.ErrorIs(t, err, users.ErrHandleTaken)
			}
		}
		require.Equal(t, 1, won)
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.join(t, "Ana")
	require.JSONEq(t, `{"language":"en","measurement":"metric","area_unit":"m2","currency":"EUR","default_visibility":"public","quiet_hours":null,"version":1}`,
		string(b.Do(t, apptest.Request{Path: "/v1/me/settings", Token: apptest.As(ana)}).Want(200).Body))
	patch(t, b, "/v1/me/settings", ana, `"1"`, map[string]any{"language": "ko-KR", "currency": "krw"}).Want(200)
	patch(t, b, "/v1/me/settings", ana, `"1"`, map[string]any{"currency": "USD"}).Want(412)
	wrong := patch(t, b, "/v1/me/settings", ana, "*", map[string]any{"language": "!!", "currency": "XXXX", "measurement": "cubits"}).Want(422)
	require.Contains(t, string(wrong.Body), "/body/")
	contacts, err := b.directory.Contacts(t.Context(), []uuid.UUID{ana})
	require.NoError(t, err)
	require.Equal(t, "ko-KR", contacts[ana].Language)
	require.Equal(t, "USD", defaultSettings(ana, "en-US").Currency)
	require.Equal(t, "pyeong", defaultSettings(ana, "ko-KR").AreaUnit)
	t.Run("quiet hours come and go together", func(t *testing.T) {
		set := func(hours any, status int) *apptest.Response {
			return patch(t, b, "/v1/me/settings", ana, "*", map[string]any{"quiet_hours": hours}).Want(status)
		}
		for _, wrong := range []any{map[string]any{"from": "22:00"}, map[string]any{"from": "25:00", "to": "07:00"}, "night", map[string]any{"from": "22:00", "to": "07:00", "x": 1}} {
			set(wrong, 422)
		}
		require.Equal(t, map[string]any{"from": "22:00", "to": "07:00"}, set(map[string]any{"from": "22:00", "to": "07:00"}, 200).JSON()["quiet_hours"])
		kept := patch(t, b, "/v1/me/settings", ana, "*", map[string]any{"area_unit": "pyeong", "default_visibility": "followers"}).Want(200).JSON()
		require.NotNil(t, kept["quiet_hours"])
		require.Equal(t, "followers", kept["default_visibility"])
		contacts, err := b.directory.Contacts(t.Context(), []uuid.UUID{ana})
		require.NoError(t, err)
		require.Equal(t, "22:00", contacts[ana].QuietFrom)
		require.Nil(t, set(nil, 200).JSON()["quiet_hours"])
	})
}

func TestFault_N6_QuietHoursHaveALength(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.join(t, "Ana")
	hours := func(from, to string, status int) *apptest.Response {
		return patch(t, b, "/v1/me/settings", ana, "*", map[string]any{"quiet_hours": map[string]any{"from": from, "to": to}}).Want(status)
	}
	for _, clock := range []string{"22:00", "00:00", "07:30"} {
		require.Contains(t, string(hours(clock, clock, 422).Body), "/body/quiet_hours")
	}
	hours("22:00", "21:59", 200)
	hours("00:00", "00:01", 200)
}

func TestAgeGate(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *users.Config) { c.MinimumAge = 16 })
	ana := b.join(t, "Ana")
	say := func(version, birth string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/me/consents", Token: apptest.As(ana),
			Body: map[string]any{"document": "age", "version": version, "birth_date": birth}})
	}
	require.NoError(t, b.consents.Agree(t.Context(), ana, "terms", "2026-01", ""))
	require.ErrorIs(t, b.directory.RequireConsents(t.Context(), ana), users.ErrTermsRequired, "the age is asked for")
	for _, wrong := range []string{"", "soon", "1870-01-01", "2999-01-01"} {
		require.Contains(t, string(say("16", wrong).Want(422).Body), "/body/birth_date", wrong)
	}
	require.Equal(t, "users.too_young", say("16", time.Now().AddDate(-15, 0, 0).Format(time.DateOnly)).Want(403).Code())
	require.ErrorIs(t, b.directory.RequireConsents(t.Context(), ana), users.ErrTermsRequired)
	say("12", "1990-01-01").Want(422)
	say("16", "1990-01-01").Want(204)
	require.NoError(t, b.directory.RequireConsents(t.Context(), ana))
	require.Zero(t, b.db.Number(t, "SELECT count(*) FROM user_consents c WHERE c::text LIKE '%1990%'"), "the date itself is nobody's business")
}

func TestConsents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.join(t, "Ana")
	require.ErrorIs(t, b.directory.RequireConsents(t.Context(), ana), users.ErrTermsRequired)
	require.Contains(t, string(b.Do(t, apptest.Request{Path: "/v1/me", Token: apptest.As(ana)}).Want(200).Body),
		`"pending_consents":[{"document":"terms","version":"2026-01","url":"https://api.atrium.test/legal/terms"}]`)
	agree := func(version string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/me/consents", Token: apptest.As(ana),
			Body: map[string]any{"document": "terms", "version": version}})
	}
	agree("2025-01").Want(422)
	agree("2026-01").Want(204)
	agree("2026-01").Want(204)
	require.NoError(t, b.directory.RequireConsents(t.Context(), ana))
	require.Contains(t, string(b.Do(t, apptest.Request{Path: "/v1/me", Token: apptest.As(ana)}).Want(200).Body), `"pending_consents":[]`)
}

func TestAdministration(t *testing.T) {
	t.Parallel()
	b := setup(t)
	boss, ana := b.join(t, "Boss"), b.join(t, "Ana")
	path := "/v1/admin/users/" + ana.String()
	admin := apptest.As(boss, identity.RoleAdmin)
	b.Run(t,
		apptest.Scenario{Name: "is for admins, before anything is looked up", As: ana, Method: http.MethodPost, Path: "/v1/admin/users/nonsense/suspend", Status: 403},
		apptest.Scenario{Name: "needs a fresh sign-in", Token: apptest.Stale(boss, identity.RoleAdmin), Method: http.MethodPost, Path: path + "/suspend", Status: 403, Code: "auth.reauth_required"},
		apptest.Scenario{Name: "finds nobody", Token: admin, Method: http.MethodPost, Path: "/v1/admin/users/nonsense/suspend", Status: 404},
		apptest.Scenario{Name: "suspends", Token: admin, Method: http.MethodPost, Path: path + "/suspend", Status: 204},
		apptest.Scenario{Name: "suspends twice", Token: admin, Method: http.MethodPost, Path: path + "/suspend", Status: 204},
		apptest.Scenario{Name: "the suspended are gone", As: boss, Path: "/v1/users/ana", Status: 404},
		apptest.Scenario{Name: "reinstates", Token: admin, Method: http.MethodPost, Path: path + "/reinstate", Status: 204},
		apptest.Scenario{Name: "and they are back", As: boss, Path: "/v1/users/ana", Status: 200},
		apptest.Scenario{Name: "gives roles", Token: admin, Method: http.MethodPut, Path: path + "/roles", Body: map[string]any{"roles": []string{"seller", "user", "seller"}},
			Status: 200, Contains: []string{`"roles":["user","seller"]`}},
		apptest.Scenario{Name: "knows no other roles", Token: admin, Method: http.MethodPut, Path: path + "/roles", Body: map[string]any{"roles": []string{"god"}}, Status: 422},
	)
	require.EqualValues(t, 1, b.db.Events(t, "users.locked.v1"))
	require.EqualValues(t, 1, b.db.Events(t, "users.returned.v1"))
	require.EqualValues(t, 1, b.db.Events(t, "users.roles_changed.v1"))
	require.EqualValues(t, 1, b.db.Number(t, "SELECT version FROM users WHERE id = ?", ana), "nothing of that was an edit of theirs")
	require.Equal(t, []auth.Cause{{By: boss, Reason: "suspended"}}, b.sessions.Ended(ana), "the sessions ended in the same transaction")
	require.Equal(t, []string{"user", "seller"}, b.sessions.Roles(ana))
	t.Run("granting twice is one grant", func(t *testing.T) {
		require.NoError(t, b.accounts.Grant(t.Context(), ana, identity.RoleAdmin))
		require.NoError(t, b.accounts.Grant(t.Context(), ana, identity.RoleAdmin))
		standing, err := b.accounts.Standing(t.Context(), ana)
		require.NoError(t, err)
		require.Equal(t, []string{"user", "admin", "seller"}, standing.Roles)
	})
	t.Run("finds accounts by e-mail, however it is capitalised", func(t *testing.T) {
		again := b.join(t, "ANA")
		found, err := b.accounts.FindByEmail(t.Context(), "ana@ATRIUM.test")
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.ElementsMatch(t, []uuid.UUID{ana, again}, []uuid.UUID{found[0].ID, found[1].ID})
	})
}

func TestCounters_NeverGoesBelowZero(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.join(t, "Ana")
	require.NoError(t, b.accounts.AddPosts(t.Context(), ana, 2))
	require.NoError(t, b.accounts.AddPosts(t.Context(), ana, -1))
	require.Error(t, b.accounts.AddPosts(t.Context(), ana, -2))
	require.EqualValues(t, 1, b.db.Number(t, "SELECT posts FROM users WHERE id = ?", ana))
}

func TestFault_H7_WhatChangesNothingKeepsItsVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.join(t, "ana")
	picture := b.library.Add(ana)
	me := patch(t, b, "/v1/me", ana, "*", map[string]any{"bio": "Small flats.", "avatar_upload_id": picture}).Want(200)
	settings := patch(t, b, "/v1/me/settings", ana, "*", map[string]any{"currency": "KRW", "quiet_hours": map[string]any{"from": "22:00", "to": "07:00"}}).Want(200)
	for name, body := range map[string]map[string]any{
		"nothing": {}, "the same text": {"bio": " Small flats. "}, "the same picture": {"avatar_upload_id": picture}, "the same choice": {"is_private": false},
	} {
		require.Equal(t, me.Header.Get("ETag"), patch(t, b, "/v1/me", ana, me.Header.Get("ETag"), body).Want(200).Header.Get("ETag"), name)
	}
	for name, body := range map[string]map[string]any{
		"nothing": {}, "the same": {"currency": "krw", "quiet_hours": map[string]any{"from": "22:00", "to": "07:00"}},
	} {
		require.Equal(t, settings.Header.Get("ETag"), patch(t, b, "/v1/me/settings", ana, settings.Header.Get("ETag"), body).Want(200).Header.Get("ETag"), name)
	}
	require.NotEqual(t, me.Header.Get("ETag"), patch(t, b, "/v1/me", ana, "*", map[string]any{"is_private": true}).Want(200).Header.Get("ETag"))
	require.NotEqual(t, settings.Header.Get("ETag"), patch(t, b, "/v1/me/settings", ana, "*", map[string]any{"currency": "EUR"}).Want(200).Header.Get("ETag"))
}

// A person is reached where the provider says; who read the mail until then hears of it.
func TestFault_V8_TheFormerAddressIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.join(t, "Ana")
	me := func() map[string]any {
		return b.Do(t, apptest.Request{Path: "/v1/me", Token: apptest.As(ana)}).Want(200).JSON()
	}
	email := func() string { return me()["email"].(string) }
	work := func() {
		for _, ran := range taskstest.Try(t, b.db.DB, Handlers(b.accounts)...) {
			require.NoError(t, ran.Err)
		}
	}
	version := me()["version"]
	require.NoError(t, b.accounts.EmailChanged(t.Context(), ana, "ana@ATRIUM.test", "ana@new.test"))
	require.Equal(t, "ana@new.test", email())
	require.Equal(t, version, me()["version"], "that is no edit")
	work()
	sent := b.mails.All()
	require.Len(t, sent, 1)
	require.Equal(t, "Ana@atrium.test", sent[0].To)
	require.Contains(t, sent[0].Text, "@ana ")
	require.NotContains(t, sent[0].Text, "ana@new.test", "the new address is nobody else's business")
	require.Zero(t, b.db.Number(t, "SELECT count(*) FROM user_email_changes"), "and the old one is forgotten")

	t.Run("an address from elsewhere stays", func(t *testing.T) {
		require.NoError(t, b.accounts.EmailChanged(t.Context(), ana, "ana@apple.test", "ana@relay.test"))
		require.Equal(t, "ana@new.test", email())
	})
	t.Run("an unverified one gives way, and hears nothing", func(t *testing.T) {
		b.db.Exec(t, "UPDATE users SET email = 'guess@atrium.test', email_verified = false WHERE id = ?", ana)
		require.NoError(t, b.accounts.EmailChanged(t.Context(), ana, "", "ana@sure.test"))
		require.Equal(t, "ana@sure.test", email())
	})
	t.Run("what is no address changes nothing", func(t *testing.T) {
		require.NoError(t, b.accounts.EmailChanged(t.Context(), ana, "ana@sure.test", strings.Repeat("a", 400)))
		require.Equal(t, "ana@sure.test", email())
	})
	work()
	require.Len(t, b.mails.All(), 1)
}
