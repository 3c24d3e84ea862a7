package internal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/identity"
	"atrium/platform/tasks/taskstest"
)

func TestSignInWithGoogle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.post(t, "/v1/auth/google/token", "", map[string]any{
		"id_token": b.google(t, "ana"), "device": map[string]any{"installation_id": "phone", "name": "Ana's phone", "platform": "ios"},
	}).Want(200)
	ana := apptest.Read[signedIn](first)
	require.Equal(t, 900, ana.Expires)
	require.Equal(t, "Bearer", first.JSON()["token_type"])
	require.Contains(t, string(b.sessions(t, ana.Access).Want(200).Body), `"name":"Ana's phone"`)
	require.Equal(t, ana.User.ID, b.signIn(t, "ana").User.ID, "the same person comes back")
	require.NotEqual(t, ana.User.ID, b.signIn(t, "ben").User.ID)

	t.Run("a new device is told apart", func(t *testing.T) {
		events := taskstest.Events[auth.SignedIn](t, b.db)
		require.Len(t, events, 3)
		require.False(t, events[0].NewDevice, "the first time is no news")
		require.True(t, events[1].NewDevice)
		require.False(t, events[2].NewDevice)
	})
	t.Run("the same e-mail is not the same person", func(t *testing.T) {
		token, _ := mint(t, b.cfg.Google.Issuer, map[string]any{"sub": "thief", "email": "ana@atrium.test", "nonce": b.nonce(t)})
		thief := apptest.Read[signedIn](b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token}).Want(200))
		require.NotEqual(t, ana.User.ID, thief.User.ID)
	})
	t.Run("an unverified e-mail signs in, unverified", func(t *testing.T) {
		token, _ := mint(t, b.cfg.Google.Issuer, map[string]any{"sub": "shy", "email": "shy@atrium.test", "email_verified": false, "nonce": b.nonce(t)})
		shy := apptest.Read[signedIn](b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token}).Want(200))
		contacts, err := b.people.Contacts(t.Context(), []uuid.UUID{shy.User.ID})
		require.NoError(t, err)
		require.False(t, contacts[shy.User.ID].EmailVerified)
	})
}

func TestSignIn_EveryFaultIsOneAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	with := func(change map[string]any) string {
		claims := map[string]any{"sub": "ana", "email": "ana@atrium.test", "nonce": b.nonce(t)}
		for k, v := range change {
			claims[k] = v
		}
		token, _ := mint(t, b.cfg.Google.Issuer, claims)
		return token
	}
	used := b.google(t, "ana")
	b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": used}).Want(200)
	good := with(nil)
	apples, _ := mint(t, b.cfg.Apple.Issuer, map[string]any{"sub": "ana", "nonce": b.nonce(t)})
	parts := strings.Split(good, ".")
	sum := sha256.Sum256([]byte(b.nonce(t)))
	var bodies []string
	for name, token := range map[string]string{
		"used nonce": used, "unknown nonce": with(map[string]any{"nonce": "made up"}), "no nonce": with(map[string]any{"nonce": ""}),
		"hashed nonce, which is Apple's way": with(map[string]any{"nonce": hex.EncodeToString(sum[:])}),
		"another audience":                   with(map[string]any{"aud": "somebody-else"}), "expired": with(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"another issuer": apples, "changed": parts[0] + "." + parts[1] + "x." + parts[2], "unsigned": "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"nonsense": "nonsense", "nothing": "",
	} {
		answer := b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token})
		require.Equal(t, 401, answer.Status, name)
		problem := answer.JSON()
		delete(problem, "instance") // the request's id
		bodies = append(bodies, fmt.Sprint(problem))
		require.Equal(t, "auth.invalid_id_token", problem["code"], name)
	}
	for _, body := range bodies {
		require.Equal(t, bodies[0], body)
	}
	t.Run("an expired nonce too", func(t *testing.T) {
		b.clock.advance(nonceLife + time.Second)
		b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": good}).Want(401)
	})
	require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM sessions"))
}

func TestSignInRace_ManyAtOnceForTheFirstTimeAreOnePerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tokens := make([]string, 20)
	for i := range tokens {
		tokens[i] = b.google(t, "ana")
	}
	people := make([]uuid.UUID, len(tokens))
	var all sync.WaitGroup
	for i, token := range tokens {
		all.Go(func() {
			answer := b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token})
			if answer.Status == http.StatusOK {
				people[i] = apptest.Read[signedIn](answer).User.ID
			}
		})
	}
	all.Wait()
	for _, id := range people {
		require.NotEqual(t, uuid.Nil, id, "everybody gets in")
		require.Equal(t, people[0], id)
	}
	require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM identities"))
}

func TestSignInRace_ANonceIsUsedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.google(t, "ana")
	statuses := make([]int, 10)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			statuses[i] = b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token}).Status
		})
	}
	all.Wait()
	won := 0
	for _, status := range statuses {
		if status == http.StatusOK {
			won++
		} else {
			require.Equal(t, http.StatusUnauthorized, status)
		}
	}
	require.Equal(t, 1, won)
}

func TestSignInWithApple(t *testing.T) {
	t.Parallel()
	b := setup(t)
	apple := func(nonce string) map[string]any {
		token, code := mint(t, b.cfg.Apple.Issuer, map[string]any{"sub": "ana.apple", "email": "x@privaterelay.appleid.com", "nonce": nonce})
		return map[string]any{"id_token": token, "authorization_code": code, "name": "Ana García"}
	}
	raw := apptest.Read[signedIn](b.post(t, "/v1/auth/apple/token", "", apple(b.nonce(t))).Want(200))
	contacts, err := b.people.Contacts(t.Context(), []uuid.UUID{raw.User.ID})
	require.NoError(t, err)
	require.Equal(t, "Ana García", contacts[raw.User.ID].DisplayName, "the name that Apple told the app")
	sum := sha256.Sum256([]byte(b.nonce(t)))
	hashed := b.post(t, "/v1/auth/apple/token", "", apple(hex.EncodeToString(sum[:])))
	require.Equal(t, raw.User.ID, apptest.Read[signedIn](hashed.Want(200)).User.ID)

	t.Run("a code that was used or is somebody else's is refused", func(t *testing.T) {
		body := apple(b.nonce(t))
		_, other := mint(t, b.cfg.Apple.Issuer, map[string]any{"sub": "ben.apple"})
		body["authorization_code"] = other
		b.post(t, "/v1/auth/apple/token", "", body).Want(401)
		b.post(t, "/v1/auth/apple/token", "", body).Want(401)
	})
	t.Run("its refresh token lies sealed, and erasing the person gives it back", func(t *testing.T) {
		all, err := b.auth.Identities(t.Context(), raw.User.ID)
		require.NoError(t, err)
		require.NotEmpty(t, all[0].ProviderToken)
		opened, err := b.master.Open(tokenSeal, all[0].ID[:], all[0].ProviderToken)
		require.NoError(t, err)
		require.NotContains(t, string(all[0].ProviderToken), string(opened))
		require.NoError(t, b.auth.db.InTx(t.Context(), outboxed(b, users.Deleted{UserID: raw.User.ID})))
		taskstest.Drain(t, b.db, Handlers(b.auth)...)
		require.Zero(t, b.number(t, "SELECT count(*) FROM identities"))
		b.sessions(t, raw.Access).Want(401)
		require.Contains(t, fetch(t, b.cfg.Apple.Issuer+"/revocations"), string(opened))
	})
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.signIn(t, "ana"), b.signIn(t, "ben")
	own := apptest.Read[struct{ Items []struct{ ID string } }](b.Do(t, apptest.Request{Path: "/v1/me/identities", Token: ana.Access}).Want(200))
	require.Len(t, own.Items, 1)
	t.Run("only within ten minutes of signing in", func(t *testing.T) {
		who, err := b.tokens.Authenticate(t.Context(), ana.Access)
		require.NoError(t, err)
		stale, err := b.tokens.Issue(access.Grant{UserID: who.UserID, SessionID: who.SessionID, Roles: who.Roles, AsOf: b.clock.now(),
			SignedIn: time.Now().Add(-identity.FreshFor - time.Second), TTL: time.Minute})
		require.NoError(t, err)
		link := b.post(t, "/v1/me/identities", stale, map[string]any{"provider": "google", "id_token": b.google(t, "ana.work")})
		require.Equal(t, "auth.reauth_required", link.Want(403).Code())
		unlink := b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me/identities/" + own.Items[0].ID, Token: stale})
		require.Equal(t, "auth.reauth_required", unlink.Want(403).Code())
	})
	remove := func(who signedIn, id string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me/identities/" + id, Token: who.Access})
	}
	require.Equal(t, "auth.last_identity", remove(ana, own.Items[0].ID).Want(409).Code())
	remove(ben, own.Items[0].ID).Want(404)
	taken := b.post(t, "/v1/me/identities", ana.Access, map[string]any{"provider": "google", "id_token": b.google(t, "ben")})
	require.Equal(t, "auth.identity_taken", taken.Want(409).Code())
	linked := b.post(t, "/v1/me/identities", ana.Access, map[string]any{"provider": "google", "id_token": b.google(t, "ana.work")}).Want(201)
	require.NotEmpty(t, linked.Header.Get("Location"))
	require.Equal(t, ana.User.ID, b.signIn(t, "ana.work").User.ID)
	remove(ana, own.Items[0].ID).Want(204)
	require.NotEqual(t, ana.User.ID, b.signIn(t, "ana").User.ID, "the identity is free again")
}

func TestSignIn_SuspendedAndLeaving(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.signIn(t, "ana")
	at := time.Now().Add(time.Hour)
	b.people.SetStanding(ana.User.ID, users.Standing{Roles: []string{"user"}, EraseAt: &at})
	b.refuses(t, ana.Refresh, "auth.invalid_refresh_token")
	b.signIn(t, "ana")
	standing, err := b.people.Standing(t.Context(), ana.User.ID)
	require.NoError(t, err)
	require.Nil(t, standing.EraseAt, "signing in takes it back")

	b.people.SetStanding(ana.User.ID, users.Standing{Suspended: true})
	answer := b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": b.google(t, "ana")})
	require.Equal(t, "auth.account_suspended", answer.Want(403).Code())
	b.refuses(t, ana.Refresh, "auth.account_suspended")
	appeal := b.post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": ana.Refresh}).Want(403).JSON()["appeal_url"].(string)
	require.Equal(t, "http://127.0.0.1:1/appeal", appeal)
	require.Contains(t, string(b.Do(t, apptest.Request{Path: "/appeal"}).Want(200).Body), "looks at it again")
}

func TestThrottle_CountsFailuresOnly(t *testing.T) {
	t.Parallel()
	b := setupWith(t, func(cfg *auth.Config) { cfg.Throttle.PerAddress = 3 })
	for range 5 {
		b.signIn(t, "ana")
	}
	for range 3 {
		b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": "x"}).Want(401)
	}
	slowed := b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": "x"}).Want(429)
	require.Equal(t, "auth.too_many_failures", slowed.Code())
	require.NotEmpty(t, slowed.Header.Get("Retry-After"))
}

// Who is in takes back what failed on the account, but not what failed from the address.
func TestThrottle_SuccessForgivesTheAccountAlone(t *testing.T) {
	t.Parallel()
	b := setupWith(t, func(cfg *auth.Config) { cfg.Throttle = auth.Throttle{PerAccount: 2, PerAddress: 5} })
	used := b.google(t, "ana")
	try := func(token string) *apptest.Response {
		return b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token})
	}
	try(used).Want(200)
	try(used).Want(401)
	b.signIn(t, "ana") // one failure is forgiven
	try(used).Want(401)
	try(used).Want(401)
	try(used).Want(429)
	require.Equal(t, "auth.too_many_failures", try(b.google(t, "ana")).Want(429).Code(), "the account is closed, even to its owner, for a moment")
	b.signIn(t, "ben")
	b.refuses(t, "x", "auth.invalid_refresh_token")
	b.refuses(t, "x", "auth.invalid_refresh_token")
	require.Equal(t, "auth.too_many_failures", try(b.google(t, "ben")).Want(429).Code(), "five failed from here, and no success took one back")
}

// An IPv6 customer has a /64 and may choose any address in it.
func TestThrottle_CountsIPv6ByPrefix(t *testing.T) {
	t.Parallel()
	b := setupWith(t, func(cfg *auth.Config) { cfg.Throttle.PerAddress = 2 })
	b.proxies = []string{"127.0.0.1/32"}
	behind := b.start(t, nil)
	from := func(address string) int {
		return behind.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/auth/google/token", Body: map[string]any{"id_token": "x"},
			Header: map[string]string{"X-Forwarded-For": address}}).Status
	}
	require.Equal(t, 401, from("2001:db8:1:2::1"))
	require.Equal(t, 401, from("2001:db8:1:2:ffff::2"))
	require.Equal(t, 429, from("2001:db8:1:2:3:4:5:6"))
	require.Equal(t, 401, from("2001:db8:1:3::1"), "the neighbour")
}

// The pages outside /v1 count failures and requests too.
func TestThrottle_OfThePages(t *testing.T) {
	t.Parallel()
	b := setupWith(t, func(cfg *auth.Config) { cfg.Throttle.PerAddress = 3 })
	for range 2 {
		b.Do(t, apptest.Request{Path: adminCallback + "?state=made-up&code=x"}).Want(400)
	}
	b.Do(t, apptest.Request{Path: "/v1/auth/google/callback?state=made-up&code=x"}).Want(400)
	b.Do(t, apptest.Request{Path: adminCallback + "?state=made-up&code=x"}).Want(429)
	b.Do(t, apptest.Request{Path: "/v1/auth/google/callback?state=made-up&code=x"}).Want(429)
}

// Where somebody is signed in is told by the content network alone.
func TestSessions_TellThePlace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	header := map[string]string{"CloudFront-Viewer-City": "S%C3%A3o Paulo", "CloudFront-Viewer-Country-Name": "Brazil"}
	places := func(i *instance, who signedIn) []string {
		var found []string
		for _, s := range apptest.Read[struct{ Items []struct{ Place *string } }](i.sessions(t, who.Access).Want(200)).Items {
			if s.Place == nil {
				found = append(found, "null")
				continue
			}
			found = append(found, *s.Place)
		}
		return found
	}
	signIn := func(i *instance) signedIn {
		return apptest.Read[signedIn](i.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/auth/google/token", Header: header,
			Body: map[string]any{"id_token": b.google(t, "ana")}}).Want(200))
	}
	require.Equal(t, []string{"null"}, places(b.instance, signIn(b.instance)), "anybody can write a header")
	b.proxies = []string{"127.0.0.0/8"}
	behind := b.start(t, nil)
	ana := signIn(behind)
	require.Equal(t, []string{"São Paulo, Brazil", "null"}, places(behind, ana))
	header = map[string]string{"CloudFront-Viewer-Country-Name": "Spain"}
	behind.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/auth/refresh", Header: header, Body: map[string]any{"refresh_token": ana.Refresh}}).Want(200)
	require.Equal(t, []string{"Spain", "null"}, places(behind, ana), "where it was last seen")
}
