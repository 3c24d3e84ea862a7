package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/httpserver"
	"atrium/platform/tasks/taskstest"
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

const verifier = "a-verifier-that-the-app-keeps-for-itself-0123456789"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func authorizePath(provider, redirect string) string {
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
	page := moduletest.Fetch(t, u.String())
	for _, field := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Set(field[1], strings.NewReplacer("&#34;", `"`, "&amp;", "&").Replace(field[2]))
	}
	return "", form
}

// browser keeps the cookies of this server.
type browser map[string]string

// do sends a request with the browser's cookies, and keeps those of the answer.
func (b *bundle) do(t *testing.T, in browser, request apptest.Request) *apptest.Response {
	t.Helper()
	var cookies []string
	for name, value := range in {
		cookies = append(cookies, name+"="+value)
	}
	header := map[string]string{"Cookie": strings.Join(cookies, "; ")}
	maps.Copy(header, request.Header)
	request.Header = header
	answer := b.Do(t, request)
	for _, cookie := range (&http.Response{Header: answer.Header}).Cookies() {
		in[cookie.Name] = cookie.Value
		if cookie.MaxAge < 0 {
			delete(in, cookie.Name)
		}
	}
	return answer
}

// follow is the way from the provider to the app: the callback's path on this server, wherever it says it lives.
func (b *bundle) follow(t *testing.T, in browser, location string) *apptest.Response {
	t.Helper()
	u, err := url.Parse(location)
	require.NoError(t, err)
	return b.do(t, in, apptest.Request{Path: u.RequestURI()})
}

// begin starts a sign-in and returns the provider's page.
func (b *bundle) begin(t *testing.T, in browser, provider string) (target string) {
	t.Helper()
	return b.do(t, in, apptest.Request{Path: authorizePath(provider, b.Config.RedirectURIs[0])}).Want(302).Header.Get("Location")
}

// visit signs somebody in by the whole flow.
func (b *bundle) visit(t *testing.T, in browser, subject string) moduletest.SignedIn {
	t.Helper()
	back, _ := atProvider(t, b.begin(t, in, "google"), subject)
	code := codeIn(t, b.follow(t, in, back).Want(302), b.Config.RedirectURIs[0])
	return apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/token", "", map[string]any{"code": code, "code_verifier": verifier}).Want(200))
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
	redirect, in := b.Config.RedirectURIs[0], browser{}
	redeem := func(code, proof string) *apptest.Response {
		return b.Post(t, "/v1/auth/token", "", map[string]any{"code": code, "code_verifier": proof})
	}
	back, _ := atProvider(t, b.begin(t, in, "google"), "ana")
	code := codeIn(t, b.follow(t, in, back).Want(302), redirect)
	ana := apptest.Read[moduletest.SignedIn](redeem(code, verifier).Want(200))
	b.ListSessions(t, ana.Access).Want(200)
	require.Equal(t, ana.User.ID, b.SignIn(t, "ana").User.ID, "the same person as by ID token")

	t.Run("the code is used once", func(t *testing.T) {
		require.Equal(t, "auth.invalid_code", redeem(code, verifier).Want(400).Code())
	})
	t.Run("and the state too", func(t *testing.T) {
		require.Equal(t, "auth.oauth_state_invalid", b.follow(t, in, back).Want(400).Code())
		require.Equal(t, "auth.oauth_state_invalid", b.Do(t, apptest.Request{Path: "/v1/auth/google/callback?code=x&state=made-up"}).Want(400).Code())
		require.Equal(t, "auth.oauth_state_invalid", b.Do(t, apptest.Request{Path: "/v1/auth/google/callback"}).Want(400).Code())
	})
	t.Run("another verifier uses the code up", func(t *testing.T) {
		back, _ := atProvider(t, b.begin(t, in, "google"), "ana")
		code := codeIn(t, b.follow(t, in, back), redirect)
		redeem(code, "another").Want(400)
		redeem(code, verifier).Want(400)
	})
	t.Run("a state of one provider is none of the other", func(t *testing.T) {
		back, _ := atProvider(t, b.begin(t, in, "google"), "ana")
		b.follow(t, in, strings.Replace(back, "/google/", "/apple/", 1)).Want(400)
		b.follow(t, in, back).Want(400)
	})
	t.Run("who changes their mind is sent back with that", func(t *testing.T) {
		target := b.begin(t, in, "google")
		u, err := url.Parse(target)
		require.NoError(t, err)
		answer := b.do(t, in, apptest.Request{Path: "/v1/auth/google/callback?error=access_denied&state=" + u.Query().Get("state")}).Want(302)
		require.Contains(t, answer.Header.Get("Location"), "error=access_denied")
	})
	t.Run("it leads nowhere else", func(t *testing.T) {
		for _, elsewhere := range []string{"", "https://evil.test/", redirect + "/", redirect + "?x=1", strings.ToUpper(redirect)} {
			require.Equal(t, "auth.redirect_not_allowed", b.Do(t, apptest.Request{Path: authorizePath("google", elsewhere)}).Want(400).Code())
		}
	})
	t.Run("and not without PKCE", func(t *testing.T) {
		b.Do(t, apptest.Request{Path: "/v1/auth/google?redirect_uri=" + url.QueryEscape(redirect)}).Want(422)
		b.Do(t, apptest.Request{Path: strings.Replace(authorizePath("google", redirect), "S256", "plain", 1)}).Want(422)
	})
	t.Run("not for ever", func(t *testing.T) {
		back, _ := atProvider(t, b.begin(t, in, "google"), "ana")
		b.Clock.Advance(10*time.Minute + time.Second)
		defer b.Clock.Advance(-10*time.Minute - time.Second)
		b.follow(t, in, back).Want(400)
	})
}

func TestRedirectFlow_ApplePostsAForm(t *testing.T) {
	t.Parallel()
	b := setup(t)
	redirect, in := b.Config.RedirectURIs[0], browser{}
	target := b.begin(t, in, "apple")
	_, form := atProvider(t, target, "ana.apple")
	answer := b.do(t, in, apptest.Request{
		Method: http.MethodPost, Path: "/v1/auth/apple/callback", Body: form.Encode(),
		Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	}).Want(303)
	code := codeIn(t, answer, redirect)
	ana := apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/token", "", map[string]any{"code": code, "code_verifier": verifier}).Want(200))
	contacts, err := b.people.Contacts(t.Context(), []uuid.UUID{ana.User.ID})
	require.NoError(t, err)
	require.Equal(t, "Ana García", contacts[ana.User.ID].DisplayName)
	require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM identities WHERE provider_token IS NOT NULL"))
}

// A sign-in that another browser began would sign its victim in as somebody else.
func TestFault_K10_TheFlowEndsInTheBrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, provider := range []string{"google", "apple"} {
		mine, other := browser{}, browser{}
		finish := func(in browser, location string, form url.Values) *apptest.Response {
			if form == nil {
				return b.follow(t, in, location)
			}
			return b.do(t, in, apptest.Request{Method: http.MethodPost, Path: "/v1/auth/apple/callback", Body: form.Encode(),
				Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
		}
		location, form := atProvider(t, b.begin(t, mine, provider), "ana")
		b.begin(t, other, provider)
		require.Equal(t, "auth.oauth_state_invalid", finish(browser{}, location, form).Want(400).Code(), provider)
		require.Equal(t, "auth.oauth_state_invalid", finish(other, location, form).Want(400).Code(), provider)
		second, secondForm := atProvider(t, b.begin(t, mine, provider), "ana")
		require.Contains(t, []int{302, 303}, finish(mine, location, form).Status, "its own goes on, whatever others tried")
		require.Contains(t, []int{302, 303}, finish(mine, second, secondForm).Status, "so does another tab of it")
		require.Equal(t, 400, finish(mine, location, form).Status)
		require.Len(t, mine, 1, "what bound them is gone")
	}
	t.Run("one that an older build began goes on without", func(t *testing.T) {
		location, _ := atProvider(t, b.begin(t, browser{}, "google"), "ana")
		require.NoError(t, b.DB.Conn(t.Context()).Exec("UPDATE oauth_states SET binding = NULL").Error)
		b.follow(t, browser{}, location).Want(302)
	})
}

func TestFault_K10_TheCookiesAreThereForAppleAndNotForScripts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cookies := func(i *moduletest.Instance) []*http.Cookie {
		answer := i.Do(t, apptest.Request{Path: authorizePath("apple", b.Config.RedirectURIs[0])}).Want(302)
		found := (&http.Response{Header: answer.Header}).Cookies()
		require.Len(t, found, 2)
		return found
	}
	for i, cookie := range cookies(b.Instance) {
		require.True(t, cookie.HttpOnly)
		require.False(t, cookie.Secure)
		require.Equal(t, http.SameSiteLaxMode, cookie.SameSite, "plain loopback")
		require.Equal(t, []int{600, 365 * 24 * 3600}[i], cookie.MaxAge)
	}
	b.PublicURL = "https://api.atrium.test"
	for _, cookie := range cookies(b.Start(t, nil)) {
		require.True(t, cookie.HttpOnly)
		require.True(t, cookie.Secure)
		require.Equal(t, http.SameSiteNoneMode, cookie.SameSite)
		require.True(t, strings.HasPrefix(cookie.Name, "__Host-"))
		require.Equal(t, "/", cookie.Path)
	}
}

// A browser is known again by its cookie, however often it comes; what it brings otherwise is not believed.
func TestFault_K5_ABrowserIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	news := func() (all []bool) {
		for _, e := range taskstest.Events[auth.SignedIn](t, b.DB) {
			all = append(all, e.NewDevice)
		}
		return all
	}
	mine, other := browser{}, browser{}
	for _, in := range []browser{mine, mine, other, other, mine, {"atrium_browser": "x"}} {
		b.visit(t, in, "ana")
	}
	require.Equal(t, []bool{false, false, true, false, false, true}, news())
}

func TestFault_K3_AStateHasALimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := func(state string) string {
		return strings.Replace(authorizePath("google", b.Config.RedirectURIs[0]), url.QueryEscape("the app's own"), state, 1)
	}
	b.Do(t, apptest.Request{Path: path(strings.Repeat("s", 512))}).Want(302)
	for _, length := range []int{513, 58_000} {
		answer := b.Do(t, apptest.Request{Path: path(strings.Repeat("s", length))}).Want(422)
		require.Contains(t, string(answer.Body), `"query.state"`)
	}
	require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM oauth_states"))
	b.Limits = map[string]httpserver.Limit{"authorize": {PerMinute: 1, Burst: 2}, "write": {PerMinute: 60, Burst: 60}, "read": {PerMinute: 60, Burst: 60}}
	few := b.Start(t, nil)
	for _, status := range []int{302, 302, 429} {
		few.Do(t, apptest.Request{Path: path("s")}).Want(status)
	}
	few.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/auth/nonce"}).Want(201)
}

// What an app sends by mistake is refused; what a provider adds is its own business.
func TestFault_H4_UnknownParametersAreRefusedButThoseOfAProvider(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := browser{}
	for _, provider := range []string{"google", "apple"} {
		answer := b.do(t, in, apptest.Request{Path: authorizePath(provider, b.Config.RedirectURIs[0]) + "&prompt=none"}).Want(422)
		require.Contains(t, string(answer.Body), `"query.prompt"`)
	}
	location, _ := atProvider(t, b.begin(t, in, "google"), "ana")
	b.follow(t, in, location+"&scope=openid&authuser=0&iss=https%3A%2F%2Faccounts.google.com&hd=x").Want(302)
}
