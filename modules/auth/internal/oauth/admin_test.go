package oauth_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/platform/apptest"
	"atrium/platform/identity"
)

func TestBackOffice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	boss, ana := b.SignIn(t, "boss"), b.SignIn(t, "ana")
	require.NoError(t, b.people.Grant(t.Context(), boss.User.ID, identity.RoleAdmin))
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL+path, nil)
		require.NoError(t, err)
		answer, err := client.Do(request)
		require.NoError(t, err)
		_ = answer.Body.Close()
		return answer
	}
	enter := func(subject string) (*http.Response, *http.Cookie) {
		back, _ := atProvider(t, get("/admin/sign-in/google").Header.Get("Location"), subject)
		u, err := url.Parse(back)
		require.NoError(t, err)
		require.Equal(t, "/admin/callback", u.Path)
		answer := get(u.RequestURI())
		for _, c := range answer.Cookies() {
			if c.Name == auth.CookieName("http://x") && c.Value != "" {
				return answer, c
			}
		}
		return answer, nil
	}
	require.Equal(t, 200, get("/admin/sign-in").StatusCode)
	answer, cookie := enter("boss")
	require.Equal(t, 200, answer.StatusCode)
	require.NotNil(t, cookie)
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	who, err := b.Sessions.FromCookie(t.Context(), cookie.Value)
	require.NoError(t, err)
	require.Equal(t, boss.User.ID, who.UserID)

	t.Run("nobody else gets in, or becomes somebody by trying", func(t *testing.T) {
		for _, subject := range []string{"ana", "stranger"} {
			answer, cookie := enter(subject)
			require.Equal(t, 404, answer.StatusCode)
			require.Nil(t, cookie)
		}
		require.EqualValues(t, 2, b.Count(t, "SELECT count(*) FROM identities"))
	})
	t.Run("a sign-in that began in another browser does not end in this one", func(t *testing.T) {
		back, _ := atProvider(t, get("/admin/sign-in/google").Header.Get("Location"), "boss")
		b.follow(t, browser{}, back).Want(400)
	})
	t.Run("an access token is no cookie, and a cookie no token", func(t *testing.T) {
		for _, wrong := range []string{"", "x", boss.Access, ana.Access} {
			_, err := b.Sessions.FromCookie(t.Context(), wrong)
			require.ErrorIs(t, err, auth.ErrInvalidToken)
		}
		b.ListSessions(t, cookie.Value).Want(401)
	})
	t.Run("it ends after eight hours", func(t *testing.T) {
		b.Clock.Advance(8 * time.Hour)
		defer b.Clock.Advance(-8 * time.Hour)
		_, err := b.Sessions.FromCookie(t.Context(), cookie.Value)
		require.ErrorIs(t, err, auth.ErrInvalidToken)
	})
	t.Run("and by signing out", func(t *testing.T) {
		b.Do(t, apptest.Request{Method: http.MethodPost, Path: "/admin/sign-out", Header: map[string]string{"Cookie": cookie.Name + "=" + cookie.Value}}).Want(303)
		_, err := b.Sessions.FromCookie(t.Context(), cookie.Value)
		require.ErrorIs(t, err, auth.ErrInvalidToken)
	})
	require.Equal(t, "__Host-atrium_admin", auth.CookieName("https://api.atrium.test"))
}
