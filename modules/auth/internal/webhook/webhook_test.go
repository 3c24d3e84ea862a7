package webhook_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
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

// notice has the stand-in sign what Apple would tell.
func (b *bundle) notification(t *testing.T, claims map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(claims)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.Config.Apple.Issuer+"/notices", bytes.NewReader(raw))
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
	return b.Post(t, "/v1/webhooks/apple", "", map[string]any{"payload": payload, "something_new": true})
}

func (b *bundle) withApple(t *testing.T, subject string) moduletest.SignedIn {
	t.Helper()
	token, code := moduletest.Mint(t, b.Config.Apple.Issuer, map[string]any{"sub": subject, "email": subject + "@privaterelay.appleid.com", "nonce": b.Nonce(t)})
	return apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/apple/token", "", map[string]any{"id_token": token, "authorization_code": code}).Want(200))
}

func TestAppleNotifications(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := time.Now()
	t.Run("a revoked consent ends what Apple opened, and nothing else", func(t *testing.T) {
		phone := b.withApple(t, "ana.apple")
		b.Post(t, "/v1/me/identities", phone.Access, map[string]any{"provider": "google", "id_token": b.Google(t, "ana")}).Want(201)
		laptop := b.SignIn(t, "ana")
		require.Equal(t, phone.User.ID, laptop.User.ID)
		payload := b.notification(t, map[string]any{"type": "consent-revoked", "sub": "ana.apple", "event_time": now.Add(time.Minute).UnixMilli()})
		b.tell(t, payload).Want(200)
		b.ListSessions(t, phone.Access).Want(401)
		b.Refuses(t, phone.Refresh, "auth.invalid_refresh_token")
		b.ListSessions(t, laptop.Access).Want(200)
		require.Zero(t, b.Count(t, "SELECT count(*) FROM identities WHERE subject = 'ana.apple' AND provider_token IS NOT NULL"))

		b.tell(t, payload).Want(200) // Apple repeats itself
		require.Len(t, taskstest.Events[auth.SessionRevoked](t, b.DB), 1)
		require.Equal(t, phone.User.ID, b.withApple(t, "ana.apple").User.ID, "who consents again is known")
	})
	t.Run("one that comes late ends nothing that began later", func(t *testing.T) {
		ben := b.withApple(t, "ben.apple")
		b.tell(t, b.notification(t, map[string]any{"type": "consent-revoked", "sub": "ben.apple", "event_time": now.Add(-time.Hour).UnixMilli()})).Want(200)
		b.ListSessions(t, ben.Access).Want(200)
		require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM identities WHERE subject = 'ben.apple' AND provider_token IS NOT NULL"))
	})
	for _, spelling := range []string{"account-delete", "account-deleted"} {
		t.Run("an account that is gone at Apple signs nobody in any more: "+spelling, func(t *testing.T) {
			cleo := b.withApple(t, "cleo."+spelling)
			b.tell(t, b.notification(t, map[string]any{"type": spelling, "sub": "cleo." + spelling, "event_time": now.Add(time.Minute).UnixMilli()})).Want(200)
			b.ListSessions(t, cleo.Access).Want(401)
			require.NotEqual(t, cleo.User.ID, b.withApple(t, "cleo."+spelling).User.ID)
			require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM auth_audit WHERE event = 'unlinked' AND user_id = ?", cleo.User.ID))
		})
	}
	t.Run("what does not concern us is heard", func(t *testing.T) {
		b.tell(t, b.notification(t, map[string]any{"type": "email-disabled", "sub": "ben.apple"})).Want(200)
		b.tell(t, b.notification(t, map[string]any{"type": "consent-revoked", "sub": "nobody"})).Want(200)
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
		forged := []byte(b.notification(t, good))
		forged[len(forged)/2] ^= 1
		idToken, _ := moduletest.Mint(t, b.Config.Apple.Issuer, map[string]any{"sub": "dan.apple"})
		for name, payload := range map[string]string{
			"forged": string(forged), "for another app": b.notification(t, with("aud", "com.somebody.else")), "old": b.notification(t, with("iat", now.Add(-8*24*time.Hour).Unix())),
			"of nobody": b.notification(t, with("sub", "")), "nothing": "", "nonsense": "x", "an ID token": idToken,
		} {
			require.Equal(t, "auth.invalid_notice", b.tell(t, payload).Want(400).Code(), name)
		}
		require.Equal(t, "auth.invalid_notice", b.Post(t, "/v1/webhooks/apple", "", "{").Want(400).Code())
		b.Post(t, "/v1/webhooks/apple", "", map[string]any{"payload": string(make([]byte, 64<<10))}).Want(413)
		b.ListSessions(t, dan.Access).Want(200)
	})
}
