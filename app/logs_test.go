package app

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/platform/stacktest"
	"atrium/scripts/demo/client"
)

// Everything that people sign in with, and who they are, goes through the server, good and bad; not a piece of it is in the logs,
// of which every line is kept.
func TestLogs_HoldNoTokensMailsOrAddresses(t *testing.T) {
	t.Parallel()
	i := install(t, "ATRIUM_LOG_LEVEL=debug")
	p := i.serve("all")
	secrets := map[string]string{}
	ana, _, err := client.SignIn(t.Context(), i.stack, "subject-of-ana", "ana.secret@atrium.test", "Ana Geheim", "installation-of-ana")
	require.NoError(t, err)
	session := i.sessionOf(ana)
	next, err := i.refresh(session.Refresh)
	require.NoError(t, err)
	last, err := i.refresh(next.Refresh)
	require.NoError(t, err)
	for name, token := range map[string]string{"access": session.Access, "refresh": session.Refresh, "next": next.Refresh, "next access": next.Access, "last": last.Refresh, "first": ana.Token} {
		secrets[name+" token"] = token
	}
	_, err = i.refresh(session.Refresh)
	require.ErrorContains(t, err, "auth.refresh_reused")

	// What strangers write comes into no log either, least of all as a line of its own.
	const injected = "{\"level\":\"error\",\"msg\":\"injected\"}"
	for _, token := range []string{"eyJhbGciOiJub25lIn0.e30.", "a.b.c", injected, url.QueryEscape("x\n" + injected), strings.Repeat("A", 5000)} {
		_, _ = client.Call(t.Context(), http.MethodGet, i.stack.API+"/v1/me", token, nil, nil, nil)
		_, _ = client.Call(t.Context(), http.MethodPost, i.stack.API+"/v1/auth/refresh", "", nil, map[string]string{"refresh_token": token}, nil)
		_, _ = client.Call(t.Context(), http.MethodPost, i.stack.API+"/v1/auth/google/token", "", nil, map[string]string{"id_token": token}, nil)
		_, _ = client.Call(t.Context(), http.MethodPost, i.stack.API+"/v1/webhooks/apple", "", nil, map[string]string{"payload": token}, nil)
		_, _ = client.Call(t.Context(), http.MethodGet, i.stack.API+"/v1/auth/google/callback?code=secret-code&state="+url.QueryEscape(token), "", nil, nil, nil)
	}
	_, _ = client.Call(t.Context(), http.MethodGet, i.stack.API+"/v1/auth/google?redirect_uri=https://evil.example/secret-redirect&state=secret-state", "", nil, nil, nil)
	for _, provider := range []string{"google", "apple"} {
		for name, value := range i.signInOnTheWeb(provider, "subject-of-ana."+provider, "ana.secret@atrium.test") {
			secrets[provider+" "+name] = value
		}
	}
	i.does(ana, http.MethodPost, "/me/addresses", map[string]string{
		"name": "Ana Geheim", "line1": "Geheimstrasse 7", "city": "Berlin", "postal_code": "10115", "country": "DE"})
	i.does(ana, http.MethodPut, "/me/devices/installation-of-ana", map[string]string{"platform": "ios", "token": "secret-push-token", "locale": "en", "timezone": "UTC"})
	i.eventually(30*time.Second, "what follows is done", func() bool {
		return i.count("SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now()") == 0
	})
	p.stop(syscall.SIGTERM)
	log := p.log.String()
	require.Contains(t, log, `/v1/auth/refresh`, "the log is there")
	for name, value := range map[string]string{
		"e-mail": "ana.secret", "name": "Geheim", "street": "Geheimstrasse", "subject": "subject-of-ana", "push token": "secret-push-token",
		"code": "secret-code", "state": "secret-state", "redirect": "secret-redirect", "a stranger's line": "injected", "JWT": "eyJ", "bearer": "Bearer ",
	} {
		secrets[name] = value
	}
	for name, value := range secrets {
		require.NotEmpty(t, value, name)
		require.NotContains(t, log, value, "the log holds the %s", name)
	}
}

// signInOnTheWeb goes to the provider's page and back, as a browser does, and returns all that nobody else may learn on the way.
func (i *installation) signInOnTheWeb(provider, subject, email string) map[string]string {
	i.t.Helper()
	const verifier = "a-verifier-that-the-app-keeps-for-itself-0123456789"
	sum := sha256.Sum256([]byte(verifier))
	redirect, _, _ := strings.Cut(stacktest.Env(i.t, "ATRIUM_AUTH_REDIRECT_URIS"), ",")
	secrets := map[string]string{"app state": "state-of-the-app-" + provider, "challenge": base64.RawURLEncoding.EncodeToString(sum[:])}
	jar, err := cookiejar.New(nil)
	require.NoError(i.t, err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	visit := func(req *http.Request, err error) (next *url.URL, body string) {
		i.t.Helper()
		require.NoError(i.t, err)
		answer, err := browser.Do(req)
		require.NoError(i.t, err)
		defer func() { _ = answer.Body.Close() }()
		raw, err := io.ReadAll(answer.Body)
		require.NoError(i.t, err)
		require.Less(i.t, answer.StatusCode, 400, "%s", raw)
		next, err = url.Parse(answer.Header.Get("Location"))
		require.NoError(i.t, err)
		return next, string(raw)
	}
	get := func(address string) (*url.URL, string) {
		return visit(http.NewRequestWithContext(i.t.Context(), http.MethodGet, address, nil))
	}
	page, _ := get(i.stack.API + "/v1/auth/" + provider + "?" + url.Values{"redirect_uri": {redirect}, "state": {secrets["app state"]},
		"code_challenge": {secrets["challenge"]}, "code_challenge_method": {"S256"}}.Encode())
	secrets["state at the provider"] = page.Query().Get("state")
	query := page.Query()
	query.Set("sub", subject)
	query.Set("email", email)
	query.Set("name", "Ana Geheim")
	page.RawQuery = query.Encode()
	back, form := get(page.String())
	if provider == "apple" { // posts a form to us
		fields := url.Values{}
		for _, field := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(form, -1) {
			fields.Set(field[1], html.UnescapeString(field[2]))
		}
		secrets["code of the provider"] = fields.Get("code")
		req, err := http.NewRequestWithContext(i.t.Context(), http.MethodPost, i.stack.API+"/v1/auth/apple/callback", strings.NewReader(fields.Encode()))
		require.NoError(i.t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		back, _ = visit(req, nil)
	} else {
		secrets["code of the provider"] = back.Query().Get("code")
		back, _ = get(back.String())
	}
	api, err := url.Parse(i.stack.API + "/v1/auth/" + provider + "/callback")
	require.NoError(i.t, err)
	for _, cookie := range jar.Cookies(api) {
		secrets[provider+" cookie "+cookie.Name] = cookie.Value
	}
	secrets["our code"] = back.Query().Get("code")
	var got tokens
	_, err = client.Call(i.t.Context(), http.MethodPost, i.stack.API+"/v1/auth/token", "", nil, map[string]any{"code": secrets["our code"], "code_verifier": verifier}, &got)
	require.NoError(i.t, err)
	secrets["access token"], secrets["refresh token"] = got.Access, got.Refresh
	return secrets
}
