package internal

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/platform/apptest"
	"atrium/platform/identity"
)

const verifier = "a-verifier-that-the-app-keeps-for-itself-0123456789"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func departPath(provider, redirect string) string {
	return "/v1/auth/" + provider + "?" + url.Values{
		"redirect_uri": {redirect}, "state": {"the app's own"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}.Encode()
}

// atProvider lets somebody sign in at the stand-in and returns the answer: where it sends them, or Apple's form.
func atProvider(t *testing.T, target, subject string) (location string, form url.Values) {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	query := u.Query()
	query.Set("sub", subject)
	query.Set("email", subject+"@atrium.test")
	query.Set("name", "Ana García")
	u.RawQuery = query.Encode()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
	require.NoError(t, err)
	answer, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusFound {
		return answer.Header.Get("Location"), nil
	}
	form = url.Values{}
	page := fetch(t, u.String())
	for _, field := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Set(field[1], strings.NewReplacer("&#34;", `"`, "&amp;", "&").Replace(field[2]))
	}
	return "", form
}

// comeBack is the way from the provider to the app: the callback's path on this server, wherever it says it lives.
func (b *bundle) comeBack(t *testing.T, location string) *apptest.Response {
	t.Helper()
	u, err := url.Parse(location)
	require.NoError(t, err)
	return b.Do(t, apptest.Request{Path: u.RequestURI()})
}

func codeIn(t *testing.T, answer *apptest.Response, redirect string) string {
	t.Helper()
	location := answer.Header.Get("Location")
	require.True(t, strings.HasPrefix(location, redirect+"?"), location)
	u, err := url.Parse(location)
	require.NoError(t, err)
	require.Equal(t, "the app's own", u.Query().Get("state"))
	return u.Query().Get("code")
}

func TestRedirectFlow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	redirect := b.cfg.RedirectURIs[0]
	redeem := func(code, proof string) *apptest.Response {
		return b.post(t, "/v1/auth/token", "", map[string]any{"code": code, "code_verifier": proof})
	}
	back, _ := atProvider(t, b.Do(t, apptest.Request{Path: departPath("google", redirect)}).Want(302).Header.Get("Location"), "ana")
	code := codeIn(t, b.comeBack(t, back).Want(302), redirect)
	ana := apptest.Read[signedIn](redeem(code, verifier).Want(200))
	b.sessions(t, ana.Access).Want(200)
	require.Equal(t, ana.User.ID, b.signIn(t, "ana").User.ID, "the same person as by ID token")

	t.Run("the code is used once", func(t *testing.T) {
		require.Equal(t, "auth.invalid_code", redeem(code, verifier).Want(400).Code())
	})
	t.Run("and the state too", func(t *testing.T) {
		require.Equal(t, "auth.oauth_state_invalid", b.comeBack(t, back).Want(400).Code())
		require.Equal(t, "auth.oauth_state_invalid", b.Do(t, apptest.Request{Path: "/v1/auth/google/callback?code=x&state=made-up"}).Want(400).Code())
		require.Equal(t, "auth.oauth_state_invalid", b.Do(t, apptest.Request{Path: "/v1/auth/google/callback"}).Want(400).Code())
	})
	t.Run("another verifier uses the code up", func(t *testing.T) {
		back, _ := atProvider(t, b.Do(t, apptest.Request{Path: departPath("google", redirect)}).Header.Get("Location"), "ana")
		code := codeIn(t, b.comeBack(t, back), redirect)
		redeem(code, "another").Want(400)
		redeem(code, verifier).Want(400)
	})
	t.Run("a state of one provider is none of the other", func(t *testing.T) {
		back, _ := atProvider(t, b.Do(t, apptest.Request{Path: departPath("google", redirect)}).Header.Get("Location"), "ana")
		b.comeBack(t, strings.Replace(back, "/google/", "/apple/", 1)).Want(400)
		b.comeBack(t, back).Want(400)
	})
	t.Run("who changes their mind is sent back with that", func(t *testing.T) {
		target := b.Do(t, apptest.Request{Path: departPath("google", redirect)}).Header.Get("Location")
		u, err := url.Parse(target)
		require.NoError(t, err)
		answer := b.Do(t, apptest.Request{Path: "/v1/auth/google/callback?error=access_denied&state=" + u.Query().Get("state")}).Want(302)
		require.Contains(t, answer.Header.Get("Location"), "error=access_denied")
	})
	t.Run("it leads nowhere else", func(t *testing.T) {
		for _, elsewhere := range []string{"", "https://evil.test/", redirect + "/", redirect + "?x=1", strings.ToUpper(redirect)} {
			require.Equal(t, "auth.redirect_not_allowed", b.Do(t, apptest.Request{Path: departPath("google", elsewhere)}).Want(400).Code())
		}
	})
	t.Run("and not without PKCE", func(t *testing.T) {
		b.Do(t, apptest.Request{Path: "/v1/auth/google?redirect_uri=" + url.QueryEscape(redirect)}).Want(422)
		b.Do(t, apptest.Request{Path: strings.Replace(departPath("google", redirect), "S256", "plain", 1)}).Want(422)
	})
	t.Run("not for ever", func(t *testing.T) {
		back, _ := atProvider(t, b.Do(t, apptest.Request{Path: departPath("google", redirect)}).Header.Get("Location"), "ana")
		b.clock.advance(stateLife + time.Second)
		defer b.clock.advance(-stateLife - time.Second)
		b.comeBack(t, back).Want(400)
	})
}

func TestRedirectFlow_ApplePostsAForm(t *testing.T) {
	t.Parallel()
	b := setup(t)
	redirect := b.cfg.RedirectURIs[0]
	target := b.Do(t, apptest.Request{Path: departPath("apple", redirect)}).Want(302).Header.Get("Location")
	_, form := atProvider(t, target, "ana.apple")
	answer := b.Do(t, apptest.Request{
		Method: http.MethodPost, Path: "/v1/auth/apple/callback", Body: form.Encode(),
		Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	}).Want(303)
	code := codeIn(t, answer, redirect)
	ana := apptest.Read[signedIn](b.post(t, "/v1/auth/token", "", map[string]any{"code": code, "code_verifier": verifier}).Want(200))
	contacts, err := b.people.Contacts(t.Context(), []uuid.UUID{ana.User.ID})
	require.NoError(t, err)
	require.Equal(t, "Ana García", contacts[ana.User.ID].DisplayName)
	require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM identities WHERE provider_token IS NOT NULL"))
}

func TestBackOffice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	boss, ana := b.signIn(t, "boss"), b.signIn(t, "ana")
	require.NoError(t, b.people.Grant(t.Context(), boss.User.ID, identity.RoleAdmin))
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL+path, nil)
		require.NoError(t, err)
		answer, err := browser.Do(request)
		require.NoError(t, err)
		_ = answer.Body.Close()
		return answer
	}
	enter := func(subject string) (*http.Response, *http.Cookie) {
		back, _ := atProvider(t, get("/admin/sign-in/google").Header.Get("Location"), subject)
		u, err := url.Parse(back)
		require.NoError(t, err)
		require.Equal(t, adminCallback, u.Path)
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
	who, err := b.auth.FromCookie(t.Context(), cookie.Value)
	require.NoError(t, err)
	require.Equal(t, boss.User.ID, who.UserID)

	t.Run("nobody else gets in, or becomes somebody by trying", func(t *testing.T) {
		for _, subject := range []string{"ana", "stranger"} {
			answer, cookie := enter(subject)
			require.Equal(t, 404, answer.StatusCode)
			require.Nil(t, cookie)
		}
		require.EqualValues(t, 2, b.number(t, "SELECT count(*) FROM identities"))
	})
	t.Run("a sign-in that began in another browser does not end in this one", func(t *testing.T) {
		back, _ := atProvider(t, get("/admin/sign-in/google").Header.Get("Location"), "boss")
		b.comeBack(t, back).Want(400)
	})
	t.Run("an access token is no cookie, and a cookie no token", func(t *testing.T) {
		for _, wrong := range []string{"", "x", boss.Access, ana.Access} {
			_, err := b.auth.FromCookie(t.Context(), wrong)
			require.ErrorIs(t, err, auth.ErrInvalidToken)
		}
		b.sessions(t, cookie.Value).Want(401)
	})
	t.Run("it ends after eight hours", func(t *testing.T) {
		b.clock.advance(adminLife)
		defer b.clock.advance(-adminLife)
		_, err := b.auth.FromCookie(t.Context(), cookie.Value)
		require.ErrorIs(t, err, auth.ErrInvalidToken)
	})
	t.Run("and by signing out", func(t *testing.T) {
		b.Do(t, apptest.Request{Method: http.MethodPost, Path: "/admin/sign-out", Header: map[string]string{"Cookie": cookie.Name + "=" + cookie.Value}}).Want(303)
		_, err := b.auth.FromCookie(t.Context(), cookie.Value)
		require.ErrorIs(t, err, auth.ErrInvalidToken)
	})
	require.Equal(t, "__Host-atrium_admin", auth.CookieName("https://api.atrium.test"))
}
