package signin_test

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
	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/users"
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

func TestSignInWithGoogle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.Post(t, "/v1/auth/google/token", "", map[string]any{
		"id_token": b.Google(t, "ana"), "device": map[string]any{"installation_id": "phone", "name": "Ana's phone", "platform": "ios"},
	}).Want(200)
	ana := apptest.Read[moduletest.SignedIn](first)
	require.Equal(t, 900, ana.Expires)
	require.Equal(t, "Bearer", first.JSON()["token_type"])
	require.Contains(t, string(b.ListSessions(t, ana.Access).Want(200).Body), `"name":"Ana's phone"`)
	require.Equal(t, ana.User.ID, b.SignIn(t, "ana").User.ID, "the same person comes back")
	require.NotEqual(t, ana.User.ID, b.SignIn(t, "ben").User.ID)

	t.Run("a new device is told apart", func(t *testing.T) {
		events := taskstest.Events[auth.SignedIn](t, b.DB)
		require.Len(t, events, 3)
		require.False(t, events[0].NewDevice, "the first time is no news")
		require.True(t, events[1].NewDevice)
		require.False(t, events[2].NewDevice)
	})
	t.Run("the same e-mail is not the same person", func(t *testing.T) {
		token, _ := moduletest.Mint(t, b.Config.Google.Issuer, map[string]any{"sub": "thief", "email": "ana@atrium.test", "nonce": b.Nonce(t)})
		thief := apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token}).Want(200))
		require.NotEqual(t, ana.User.ID, thief.User.ID)
	})
	t.Run("an unverified e-mail signs in, unverified", func(t *testing.T) {
		token, _ := moduletest.Mint(t, b.Config.Google.Issuer, map[string]any{"sub": "shy", "email": "shy@atrium.test", "email_verified": false, "nonce": b.Nonce(t)})
		shy := apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token}).Want(200))
		contacts, err := b.people.Contacts(t.Context(), []uuid.UUID{shy.User.ID})
		require.NoError(t, err)
		require.False(t, contacts[shy.User.ID].EmailVerified)
	})
}

func TestSignIn_EveryFaultIsOneAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	with := func(change map[string]any) string {
		claims := map[string]any{"sub": "ana", "email": "ana@atrium.test", "nonce": b.Nonce(t)}
		for k, v := range change {
			claims[k] = v
		}
		token, _ := moduletest.Mint(t, b.Config.Google.Issuer, claims)
		return token
	}
	used := b.Google(t, "ana")
	b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": used}).Want(200)
	good := with(nil)
	apples, _ := moduletest.Mint(t, b.Config.Apple.Issuer, map[string]any{"sub": "ana", "nonce": b.Nonce(t)})
	parts := strings.Split(good, ".")
	sum := sha256.Sum256([]byte(b.Nonce(t)))
	var bodies []string
	for name, token := range map[string]string{
		"used nonce": used, "unknown nonce": with(map[string]any{"nonce": "made up"}), "no nonce": with(map[string]any{"nonce": ""}),
		"hashed nonce, which is Apple's way": with(map[string]any{"nonce": hex.EncodeToString(sum[:])}),
		"another audience":                   with(map[string]any{"aud": "somebody-else"}), "expired": with(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"another issuer": apples, "changed": parts[0] + "." + parts[1] + "x." + parts[2], "unsigned": "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"nonsense": "nonsense", "nothing": "",
	} {
		answer := b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token})
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
		b.Clock.Advance(10*time.Minute + time.Second)
		b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": good}).Want(401)
	})
	require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM sessions"))
}

func TestSignInRace_ManyAtOnceForTheFirstTimeAreOnePerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tokens := make([]string, 20)
	for i := range tokens {
		tokens[i] = b.Google(t, "ana")
	}
	people := make([]uuid.UUID, len(tokens))
	var all sync.WaitGroup
	for i, token := range tokens {
		all.Go(func() {
			answer := b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token})
			if answer.Status == http.StatusOK {
				people[i] = apptest.Read[moduletest.SignedIn](answer).User.ID
			}
		})
	}
	all.Wait()
	for _, id := range people {
		require.NotEqual(t, uuid.Nil, id, "everybody gets in")
		require.Equal(t, people[0], id)
	}
	require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM identities"))
}

func TestSignInRace_ANonceIsUsedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.Google(t, "ana")
	statuses := make([]int, 10)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			statuses[i] = b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token}).Status
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
		token, code := moduletest.Mint(t, b.Config.Apple.Issuer, map[string]any{"sub": "ana.apple", "email": "x@privaterelay.appleid.com", "nonce": nonce})
		return map[string]any{"id_token": token, "authorization_code": code, "name": "Ana García"}
	}
	raw := apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/apple/token", "", apple(b.Nonce(t))).Want(200))
	contacts, err := b.people.Contacts(t.Context(), []uuid.UUID{raw.User.ID})
	require.NoError(t, err)
	require.Equal(t, "Ana García", contacts[raw.User.ID].DisplayName, "the name that Apple told the app")
	sum := sha256.Sum256([]byte(b.Nonce(t)))
	hashed := b.Post(t, "/v1/auth/apple/token", "", apple(hex.EncodeToString(sum[:])))
	require.Equal(t, raw.User.ID, apptest.Read[moduletest.SignedIn](hashed.Want(200)).User.ID)

	t.Run("a code that was used or is somebody else's is refused", func(t *testing.T) {
		body := apple(b.Nonce(t))
		_, other := moduletest.Mint(t, b.Config.Apple.Issuer, map[string]any{"sub": "ben.apple"})
		body["authorization_code"] = other
		b.Post(t, "/v1/auth/apple/token", "", body).Want(401)
		b.Post(t, "/v1/auth/apple/token", "", body).Want(401)
	})
}

func TestSignIn_SuspendedAndLeaving(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.SignIn(t, "ana")
	at := time.Now().Add(time.Hour)
	b.people.SetStanding(ana.User.ID, users.Standing{Roles: []string{"user"}, EraseAt: &at})
	b.Refuses(t, ana.Refresh, "auth.invalid_refresh_token")
	b.SignIn(t, "ana")
	standing, err := b.people.Standing(t.Context(), ana.User.ID)
	require.NoError(t, err)
	require.Nil(t, standing.EraseAt, "signing in takes it back")

	b.people.SetStanding(ana.User.ID, users.Standing{Suspended: true})
	answer := b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": b.Google(t, "ana")})
	require.Equal(t, "auth.account_suspended", answer.Want(403).Code())
	b.Refuses(t, ana.Refresh, "auth.account_suspended")
	appeal := b.Post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": ana.Refresh}).Want(403).JSON()["appeal_url"].(string)
	require.Equal(t, "http://127.0.0.1:1/appeal", appeal)
	require.Contains(t, string(b.Do(t, apptest.Request{Path: "/appeal"}).Want(200).Body), "looks at it again")
}

// An installation has one session of a person, the newest; that an app signs in again is no news.
func TestFault_K9_AnInstallationHasOneSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	enter := func(subject, installation string) moduletest.SignedIn {
		return apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/google/token", "", map[string]any{
			"id_token": b.Google(t, subject), "device": map[string]any{"installation_id": installation},
		}).Want(200))
	}
	tablet, ben := enter("ana", "tablet"), enter("ben", "phone")
	first, second := enter("ana", "phone"), enter("ana", "phone")
	third := enter("ana", "phone")
	for _, old := range []moduletest.SignedIn{first, second} {
		b.ListSessions(t, old.Access).Want(401)
		b.Refuses(t, old.Refresh, "auth.invalid_refresh_token")
	}
	for _, good := range []moduletest.SignedIn{tablet, ben, third} {
		b.ListSessions(t, good.Access).Want(200)
	}
	require.Empty(t, taskstest.Events[auth.SessionRevoked](t, b.DB), "nobody is told, and pushes to the installation go on")
	require.EqualValues(t, 2, b.Count(t, "SELECT count(*) FROM auth_audit WHERE event = 'ended' AND detail = 'replaced'"))

	t.Run("of many at once one stays", func(t *testing.T) {
		tokens := make([]string, 8)
		for i := range tokens {
			tokens[i] = b.Google(t, "ana")
		}
		var all sync.WaitGroup
		for _, token := range tokens {
			all.Go(func() {
				b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token, "device": map[string]any{"installation_id": "watch"}})
			})
		}
		all.Wait()
		require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM sessions WHERE installation_id = 'watch' AND ended_at IS NULL"))
		require.EqualValues(t, 8, b.Count(t, "SELECT count(*) FROM sessions WHERE installation_id = 'watch'"))
	})
	t.Run("without a name each is one of its own", func(t *testing.T) {
		one, other := b.SignIn(t, "ana"), b.SignIn(t, "ana")
		b.ListSessions(t, one.Access).Want(200)
		b.ListSessions(t, other.Access).Want(200)
	})
}

// What cannot be told from a new device is announced like one.
func TestFault_K5_AnUnknownDeviceIsNew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, device := range []map[string]any{{"installation_id": "phone"}, nil, nil, {"name": "Ana's phone"}, {"installation_id": ""}, {"installation_id": "phone"}} {
		body := map[string]any{"id_token": b.Google(t, "ana")}
		if device != nil {
			body["device"] = device
		}
		b.Post(t, "/v1/auth/google/token", "", body).Want(200)
	}
	var news []bool
	for _, e := range taskstest.Events[auth.SignedIn](t, b.DB) {
		news = append(news, e.NewDevice)
	}
	require.Equal(t, []bool{false, true, true, true, true, false}, news)
}

// The address by which somebody is reached follows the provider; who they are does not depend on it.
func TestFault_V8_TheContactFollowsTheProvider(t *testing.T) {
	t.Parallel()
	b := setup(t)
	enter := func(claims map[string]any) uuid.UUID {
		claims["nonce"] = b.Nonce(t)
		token, _ := moduletest.Mint(t, b.Config.Google.Issuer, claims)
		return apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token}).Want(200)).User.ID
	}
	contact := func(id uuid.UUID) users.Contact {
		found, err := b.people.Contacts(t.Context(), []uuid.UUID{id})
		require.NoError(t, err)
		return found[id]
	}
	changes := func() int64 {
		return b.Count(t, "SELECT count(*) FROM auth_audit WHERE event = 'email_changed' AND detail = 'google'")
	}
	ana := enter(map[string]any{"sub": "ana", "email": "ana@old.test", "email_verified": true})
	for _, same := range []map[string]any{
		{"sub": "ana", "email": "ana@old.test", "email_verified": true}, {"sub": "ana", "email": "ANA@old.test", "email_verified": true},
		{"sub": "ana", "email": "ana@unverified.test", "email_verified": false}, {"sub": "ana"},
	} {
		require.Equal(t, ana, enter(same))
		require.Equal(t, "ana@old.test", contact(ana).Email)
		require.Zero(t, changes())
	}
	require.Equal(t, ana, enter(map[string]any{"sub": "ana", "email": "ana@new.test", "email_verified": true}))
	require.Equal(t, "ana@new.test", contact(ana).Email)
	require.EqualValues(t, 1, changes())
	require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM identities WHERE subject = 'ana' AND email = 'ana@new.test' AND email_verified"))
	require.NotEqual(t, ana, enter(map[string]any{"sub": "thief", "email": "ana@old.test", "email_verified": true}), "whoever has the old address is somebody else")
}
