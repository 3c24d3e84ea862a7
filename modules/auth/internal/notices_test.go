package internal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/platform/apptest"
	"atrium/platform/tasks/taskstest"
)

// notice has the stand-in sign what Apple would tell.
func (b *bundle) notice(t *testing.T, claims map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(claims)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.cfg.Apple.Issuer+"/notices", bytes.NewReader(raw))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	var signed struct{ Payload string }
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&signed))
	return signed.Payload
}

func (b *bundle) tell(t *testing.T, payload string) *apptest.Response {
	t.Helper()
	return b.post(t, "/v1/webhooks/apple", "", map[string]any{"payload": payload, "something_new": true})
}

func (b *bundle) withApple(t *testing.T, subject string) signedIn {
	t.Helper()
	token, code := mint(t, b.cfg.Apple.Issuer, map[string]any{"sub": subject, "email": subject + "@privaterelay.appleid.com", "nonce": b.nonce(t)})
	return apptest.Read[signedIn](b.post(t, "/v1/auth/apple/token", "", map[string]any{"id_token": token, "authorization_code": code}).Want(200))
}

func TestAppleNotices(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := time.Now()
	t.Run("a revoked consent ends what Apple opened, and nothing else", func(t *testing.T) {
		phone := b.withApple(t, "ana.apple")
		b.post(t, "/v1/me/identities", phone.Access, map[string]any{"provider": "google", "id_token": b.google(t, "ana")}).Want(201)
		laptop := b.signIn(t, "ana")
		require.Equal(t, phone.User.ID, laptop.User.ID)
		payload := b.notice(t, map[string]any{"type": "consent-revoked", "sub": "ana.apple", "event_time": now.Add(time.Minute).UnixMilli()})
		b.tell(t, payload).Want(200)
		b.sessions(t, phone.Access).Want(401)
		b.refuses(t, phone.Refresh, "auth.invalid_refresh_token")
		b.sessions(t, laptop.Access).Want(200)
		require.Zero(t, b.number(t, "SELECT count(*) FROM identities WHERE subject = 'ana.apple' AND provider_token IS NOT NULL"))

		b.tell(t, payload).Want(200) // Apple repeats itself
		require.Len(t, taskstest.Events[auth.SessionRevoked](t, b.db), 1)
		require.Equal(t, phone.User.ID, b.withApple(t, "ana.apple").User.ID, "who consents again is known")
	})
	t.Run("one that comes late ends nothing that began later", func(t *testing.T) {
		ben := b.withApple(t, "ben.apple")
		b.tell(t, b.notice(t, map[string]any{"type": "consent-revoked", "sub": "ben.apple", "event_time": now.Add(-time.Hour).UnixMilli()})).Want(200)
		b.sessions(t, ben.Access).Want(200)
		require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM identities WHERE subject = 'ben.apple' AND provider_token IS NOT NULL"))
	})
	for _, spelling := range []string{"account-delete", "account-deleted"} {
		t.Run("an account that is gone at Apple signs nobody in any more: "+spelling, func(t *testing.T) {
			cleo := b.withApple(t, "cleo."+spelling)
			b.tell(t, b.notice(t, map[string]any{"type": spelling, "sub": "cleo." + spelling, "event_time": now.Add(time.Minute).UnixMilli()})).Want(200)
			b.sessions(t, cleo.Access).Want(401)
			require.NotEqual(t, cleo.User.ID, b.withApple(t, "cleo."+spelling).User.ID)
			require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM auth_audit WHERE event = 'unlinked' AND user_id = ?", cleo.User.ID))
		})
	}
	t.Run("what does not concern us is heard", func(t *testing.T) {
		b.tell(t, b.notice(t, map[string]any{"type": "email-disabled", "sub": "ben.apple"})).Want(200)
		b.tell(t, b.notice(t, map[string]any{"type": "consent-revoked", "sub": "nobody"})).Want(200)
	})
	t.Run("what is not Apple's to us is refused, and changes nothing", func(t *testing.T) {
		dan := b.withApple(t, "dan.apple")
		good := map[string]any{"type": "account-delete", "sub": "dan.apple", "event_time": now.Add(time.Minute).UnixMilli()}
		with := func(key string, value any) map[string]any {
			changed := map[string]any{key: value}
			for k, v := range good {
				if _, set := changed[k]; !set {
					changed[k] = v
				}
			}
			return changed
		}
		forged := []byte(b.notice(t, good))
		forged[len(forged)/2] ^= 1
		idToken, _ := mint(t, b.cfg.Apple.Issuer, map[string]any{"sub": "dan.apple"})
		for name, payload := range map[string]string{
			"forged": string(forged), "for another app": b.notice(t, with("aud", "com.somebody.else")), "old": b.notice(t, with("iat", now.Add(-8*24*time.Hour).Unix())),
			"of nobody": b.notice(t, with("sub", "")), "nothing": "", "nonsense": "x", "an ID token": idToken,
		} {
			require.Equal(t, "auth.invalid_notice", b.tell(t, payload).Want(400).Code(), name)
		}
		require.Equal(t, "auth.invalid_notice", b.post(t, "/v1/webhooks/apple", "", "{").Want(400).Code())
		b.post(t, "/v1/webhooks/apple", "", map[string]any{"payload": string(make([]byte, maxNotice))}).Want(413)
		b.sessions(t, dan.Access).Want(200)
	})
}
