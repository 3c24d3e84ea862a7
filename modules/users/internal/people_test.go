package internal

import (
	"errors"
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
)

func isOneOf(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func TestSignUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("many people of one name at once get handles of their own", func(t *testing.T) {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { _, _ = b.people.SignUp(t.Context(), users.NewPerson{Name: "Ana García"}) })
		}
		all.Wait()
		require.EqualValues(t, 20, b.number(t, "SELECT count(DISTINCT handle) FROM users"))
		require.EqualValues(t, 20, b.number(t, "SELECT count(*) FROM user_handles h JOIN users u ON u.id = h.user_id AND u.handle = h.handle"))
	})
	t.Run("a person without a usable name is somebody too", func(t *testing.T) {
		me, err := b.people.Me(t.Context(), b.join(t, "\x00 \u200b"))
		require.NoError(t, err)
		require.Regexp(t, `^user\d+$`, me.Handle)
		require.Equal(t, "New member", me.DisplayName)
	})
	t.Run("nobody has more roles than everybody", func(t *testing.T) {
		me, err := b.people.Me(t.Context(), b.join(t, "Zoe"))
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
	patch(t, b, "/v1/me", ana, "*", map[string]any{"display_name": " "}).Want(422)
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
		b.exec(t, "UPDATE users SET handle_changed_before = now() - interval '31 days' WHERE id = ?", ana)
		rename(ana, "ana.third").Want(200)
	})
	t.Run("an old one is free after its time", func(t *testing.T) {
		b.exec(t, "UPDATE user_handles SET expires_at = now() - interval '1 second' WHERE handle = 'ana'")
		b.Do(t, apptest.Request{Path: "/v1/users/ana"}).Want(404)
		rename(ben, "ana").Want(200)
	})
	t.Run("of many who want one handle, one gets it", func(t *testing.T) {
		var all sync.WaitGroup
		results := make([]error, 8)
		handle := "wanted"
		for i := range results {
			id := b.join(t, fmt.Sprintf("racer%d", i))
			all.Go(func() { _, results[i] = b.people.Edit(t.Context(), id, etag.Any, edit{Handle: &handle}) })
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
	require.Equal(t, "USD", firstSettings(ana, "en-US").Currency)
	require.Equal(t, "pyeong", firstSettings(ana, "ko-KR").AreaUnit)
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

func TestQuietUntil(t *testing.T) {
	t.Parallel()
	night, siesta := users.Contact{QuietFrom: "22:00", QuietTo: "07:00"}, users.Contact{QuietFrom: "13:00", QuietTo: "15:00"}
	at := func(clock string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", "2026-03-10 "+clock, time.FixedZone("", 9*3600))
		require.NoError(t, err)
		return when
	}
	for clock, want := range map[string]time.Time{"21:59": {}, "22:00": at("07:00").AddDate(0, 0, 1), "23:30": at("07:00").AddDate(0, 0, 1), "00:10": at("07:00"), "06:59": at("07:00"), "07:00": {}} {
		require.Equal(t, want, night.QuietUntil(at(clock)), clock)
	}
	require.Equal(t, at("15:00"), siesta.QuietUntil(at("14:59")))
	require.Zero(t, siesta.QuietUntil(at("15:00")))
	require.Zero(t, users.Contact{}.QuietUntil(at("03:00")))
}

func TestAgeGate(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *users.Config) { c.MinimumAge = 16 })
	ana := b.join(t, "Ana")
	say := func(version, birth string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/me/consents", Token: apptest.As(ana),
			Body: map[string]any{"document": "age", "version": version, "birth_date": birth}})
	}
	require.NoError(t, b.people.Agree(t.Context(), ana, "terms", "2026-01", ""))
	require.ErrorIs(t, b.directory.RequireConsents(t.Context(), ana), users.ErrTermsRequired, "the age is asked for")
	for _, wrong := range []string{"", "soon", "1870-01-01", "2999-01-01"} {
		require.Contains(t, string(say("16", wrong).Want(422).Body), "/body/birth_date", wrong)
	}
	require.Equal(t, "users.too_young", say("16", time.Now().AddDate(-15, 0, 0).Format(time.DateOnly)).Want(403).Code())
	require.ErrorIs(t, b.directory.RequireConsents(t.Context(), ana), users.ErrTermsRequired)
	say("12", "1990-01-01").Want(422)
	say("16", "1990-01-01").Want(204)
	require.NoError(t, b.directory.RequireConsents(t.Context(), ana))
	require.Zero(t, b.number(t, "SELECT count(*) FROM user_consents c WHERE c::text LIKE '%1990%'"), "the date itself is nobody's business")
	sixteenToday := time.Date(2026, 5, 17, 9, 0, 0, 0, time.UTC)
	require.NoError(t, oldEnough("2010-05-17", 16, sixteenToday))
	require.ErrorIs(t, oldEnough("2010-05-19", 16, sixteenToday), users.ErrTooYoung)
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
	require.EqualValues(t, 1, b.events(t, "users.locked.v1"))
	require.EqualValues(t, 1, b.events(t, "users.returned.v1"))
	require.EqualValues(t, 1, b.events(t, "users.roles_changed.v1"))
	require.EqualValues(t, 1, b.number(t, "SELECT version FROM users WHERE id = ?", ana), "nothing of that was an edit of theirs")
	require.Equal(t, []auth.Cause{{By: boss, Reason: "suspended"}}, b.sessions.Ended(ana), "the sessions ended in the same transaction")
	require.Equal(t, []string{"user", "seller"}, b.sessions.Roles(ana))
	t.Run("granting twice is one grant", func(t *testing.T) {
		require.NoError(t, b.people.Grant(t.Context(), ana, identity.RoleAdmin))
		require.NoError(t, b.people.Grant(t.Context(), ana, identity.RoleAdmin))
		standing, err := b.people.Standing(t.Context(), ana)
		require.NoError(t, err)
		require.Equal(t, []string{"user", "admin", "seller"}, standing.Roles)
	})
	t.Run("finds accounts by e-mail, however it is capitalised", func(t *testing.T) {
		again := b.join(t, "ANA")
		found, err := b.people.FindByEmail(t.Context(), "ana@ATRIUM.test")
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.ElementsMatch(t, []uuid.UUID{ana, again}, []uuid.UUID{found[0].ID, found[1].ID})
	})
}

func TestLeaving(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.join(t, "Ana"), b.join(t, "Ben"), b.join(t, "Cleo")
	b.follow(t, ana, ben)
	b.follow(t, cleo, ana)
	b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me", Token: apptest.Stale(ana)}).Want(403)
	first := b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me", Token: apptest.As(ana)}).Want(202).JSON()["erase_at"]
	require.Equal(t, first, b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me", Token: apptest.As(ana)}).Want(202).JSON()["erase_at"],
		"asking again postpones nothing")
	b.Do(t, apptest.Request{Path: "/v1/users/ana", Token: apptest.As(ben)}).Want(404)

	t.Run("before the time nothing is erased, and one can come back", func(t *testing.T) {
		require.NoError(t, b.people.EraseDue(t.Context(), b.graph))
		require.NoError(t, b.people.Restore(t.Context(), ana))
		b.Do(t, apptest.Request{Path: "/v1/users/ana", Token: apptest.As(ben)}).Want(200)
		require.True(t, b.relation(t, ana, ben).Following)
	})
	t.Run("after it, what says who they were is gone", func(t *testing.T) {
		_, err := b.people.Leave(t.Context(), ana)
		require.NoError(t, err)
		b.exec(t, "UPDATE users SET erase_at = now() - interval '1 minute' WHERE id = ?", ana)
		standing, err := b.people.Standing(t.Context(), ana)
		require.NoError(t, err)
		require.True(t, standing.Deleted, "too late to come back")
		require.NoError(t, b.people.EraseDue(t.Context(), b.graph))
		require.NoError(t, b.people.EraseDue(t.Context(), b.graph))
		b.figuresHold(t)
		require.EqualValues(t, 1, b.events(t, "users.deleted.v1"))
		require.Zero(t, b.number(t, "SELECT count(*) FROM users u WHERE u::text ILIKE '%ana%'"))
		require.Zero(t, b.number(t, "SELECT count(*) FROM user_follows WHERE ? IN (follower_id, followee_id)", ana))
		_, err = b.people.Me(t.Context(), ana)
		require.ErrorIs(t, err, users.ErrNotFound)
	})
}

func TestTally_NeverGoesBelowZero(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.join(t, "Ana")
	require.NoError(t, b.people.AddPosts(t.Context(), ana, 2))
	require.NoError(t, b.people.AddPosts(t.Context(), ana, -1))
	require.Error(t, b.people.AddPosts(t.Context(), ana, -2))
	require.EqualValues(t, 1, b.number(t, "SELECT posts FROM users WHERE id = ?", ana))
}
