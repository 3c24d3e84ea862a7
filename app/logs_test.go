package app

import (
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/scripts/demo/client"
)

// Everything that people sign in with, and who they are, goes through the server, good and bad; not a piece of it is in the logs,
// of which every line is kept.
func TestLogs_HoldNoTokensMailsOrAddresses(t *testing.T) {
	t.Parallel()
	i := install(t, "ATRIUM_LOG_LEVEL=debug")
	p := i.serve("all")
	secrets := map[string]string{}
	ana, answer, err := client.SignIn(t.Context(), i.stack, "subject-of-ana", "ana.secret@atrium.test", "Ana Geheim", "installation-of-ana")
	require.NoError(t, err)
	_ = answer
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
