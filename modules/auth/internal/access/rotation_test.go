package access_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/users"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/keys"
	"atrium/platform/secret"
	"atrium/platform/tasks/taskstest"
)

func setup(t *testing.T) *moduletest.Module {
	t.Helper()
	return moduletest.New(t, userstest.New(), nil)
}

// The signing key changes under traffic on two instances: nobody is refused, old tokens hold until they expire, and new ones
// name the new key as soon as it takes over.
func TestRotation_MidTrafficParallel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.Start(t, nil)
	before := b.SignIn(t, "early")
	stop := make(chan struct{})
	var traffic sync.WaitGroup
	rounds := make([]int, 4)
	for worker := range rounds {
		person := b.SignIn(t, "worker"+string(rune('a'+worker)))
		here, there := b.Instance, other
		if worker%2 == 1 {
			here, there = there, here
		}
		traffic.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				answer := here.Do(t, apptest.Request{Method: "POST", Path: "/v1/auth/refresh", Body: map[string]any{"refresh_token": person.Refresh}})
				if !assertStatus(t, answer, 200) {
					return
				}
				person = apptest.Read[moduletest.SignedIn](answer)
				if !assertStatus(t, there.ListSessions(t, person.Access), 200) {
					return
				}
				rounds[worker]++
			}
		})
	}
	kid, err := b.Operator.RotateKeys(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, kid, kidOf(t, b.SignIn(t, "still").Access), "a new key waits until every instance has it")
	require.NoError(t, other.Keys.Reload(t.Context()), "which its watch does every half minute")
	require.Contains(t, keyIDs(t, other), kid, "verifiers see it before its first use")
	b.Clock.Advance(11 * time.Minute)
	fresh := b.SignIn(t, "late")
	require.Equal(t, kid, kidOf(t, fresh.Access))
	for _, i := range []*moduletest.Instance{b.Instance, other} {
		i.ListSessions(t, fresh.Access).Want(200)
		i.ListSessions(t, before.Access).Want(200)
	}
	close(stop)
	traffic.Wait()
	for _, n := range rounds {
		require.Positive(t, n)
	}
	b.Clock.Advance(2 * time.Hour)
	require.NoError(t, b.Keys.RotateDue(t.Context()))
	require.Equal(t, []string{kid}, keyIDs(t, b.Instance), "no token can name the old one any more")
	b.Refreshed(t, before.Refresh)
}

func assertStatus(t *testing.T, answer *apptest.Response, want int) bool {
	t.Helper()
	if answer.Status != want {
		t.Errorf("answered %d: %s", answer.Status, answer.Body)
	}
	return answer.Status == want
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	require.NoError(t, err)
	var header struct{ Kid string }
	require.NoError(t, json.Unmarshal(raw, &header))
	return header.Kid
}

func keyIDs(t *testing.T, i *moduletest.Instance) (ids []string) {
	t.Helper()
	set := apptest.Read[struct{ Keys []access.JWK }](i.Do(t, apptest.Request{Path: "/.well-known/jwks.json"}).Want(200))
	for _, key := range set.Keys {
		ids = append(ids, key.ID)
	}
	return ids
}

// A key that somebody else may have is worth nothing at once, also for tokens that were seen before; the sessions go on.
func TestFault_K1_AKeyThatIsGoneAcceptsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.Start(t, nil)
	both := []*moduletest.Instance{b.Instance, other}
	sync := func() {
		for _, i := range both {
			require.NoError(t, i.Keys.Sync(t.Context()), "which its service does every two seconds")
		}
	}
	ana := b.SignIn(t, "ana")
	for _, i := range both {
		i.ListSessions(t, ana.Access).Want(200)
	}
	require.ErrorIs(t, b.Operator.WithdrawKey(t.Context(), "0123456789abcdef"), auth.ErrKeyNotFound)
	all, err := b.Operator.Keys(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)

	require.NoError(t, b.Operator.WithdrawKey(t.Context(), all[0].ID))
	sync()
	for _, i := range both {
		require.Equal(t, "auth.invalid_token", i.ListSessions(t, ana.Access).Want(401).Code())
		require.NotContains(t, keyIDs(t, i), all[0].ID)
	}
	ana = b.Refreshed(t, ana.Refresh)
	for _, i := range both {
		i.ListSessions(t, ana.Access).Want(200)
	}

	t.Run("so is one that was deleted by hand", func(t *testing.T) {
		require.NoError(t, b.DB.Conn(t.Context()).Exec("DELETE FROM signing_keys").Error)
		sync()
		for _, i := range both {
			i.ListSessions(t, ana.Access).Want(401)
		}
		fresh := b.Refreshed(t, ana.Refresh)
		for _, i := range both {
			i.ListSessions(t, fresh.Access).Want(200)
		}
	})
	t.Run("one that waits for its turn does not sign before it", func(t *testing.T) {
		waiting, err := b.Operator.RotateKeys(t.Context())
		require.NoError(t, err)
		signing := kidOf(t, b.SignIn(t, "ben").Access)
		require.NoError(t, b.Operator.WithdrawKey(t.Context(), signing))
		sync()
		require.NotContains(t, []string{waiting, signing}, kidOf(t, b.SignIn(t, "ben").Access))
	})
}

// The master key is rotated while people are signed in: first every instance accepts the new one, then they seal and sign with it,
// then all is sealed anew, and in the end the old one opens nothing.
func TestFault_K1_TheMasterKeyIsRotated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := keys.Config{Master: secret.Text(strings.Repeat("A", 43) + "=")}
	after := keys.Config{Master: secret.Text(strings.Repeat("B", 43) + "=")}
	start := func(cfg keys.Config) *moduletest.Module {
		master, err := keys.NewMaster(cfg)
		require.NoError(t, err)
		m := *b
		m.Master = master
		m.Instance = m.Start(t, nil)
		return &m
	}
	token, code := moduletest.Mint(t, b.Config.Apple.Issuer, map[string]any{"sub": "ana.apple", "nonce": b.Nonce(t)})
	ana := apptest.Read[moduletest.SignedIn](b.Post(t, "/v1/auth/apple/token", "", map[string]any{"id_token": token, "authorization_code": code}).Want(200))

	prepared := start(keys.Config{Master: before.Master, Accept: []secret.Text{after.Master}})
	switched := start(keys.Config{Master: after.Master, Accept: []secret.Text{before.Master}})
	switched.ListSessions(t, ana.Access).Want(200)
	ana = switched.Refreshed(t, ana.Refresh)
	prepared.ListSessions(t, ana.Access).Want(200)
	require.NotEqual(t, ana.Refresh, prepared.Refreshed(t, ana.Refresh).Refresh, "the one before takes what the new one signed")
	ana = switched.Refreshed(t, ana.Refresh)

	done, err := switched.Operator.Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, auth.Resealed{SigningKeys: 1, ProviderTokens: 1}, done)
	done, err = switched.Operator.Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, auth.Resealed{}, done, "which is idempotent")

	rotated := start(after)
	rotated.ListSessions(t, ana.Access).Want(200)
	ana = rotated.Refreshed(t, ana.Refresh)
	rotated.Publish(t, users.Deleted{UserID: ana.User.ID})
	taskstest.Drain(t, b.DB, rotated.Handlers()...)
	require.Zero(t, b.Count(t, "SELECT count(*) FROM identities"), "the provider's token opened")
	b.Refuses(t, ana.Refresh, "auth.invalid_refresh_token")
}

// Where the master key is lost or given away, the old one is not accepted any more: the signing keys that it sealed are withdrawn.
func TestFault_K1_AKeyOfALostMasterKeyCanBeWithdrawn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	master, err := keys.NewMaster(keys.Config{Master: secret.Text(strings.Repeat("B", 43) + "=")})
	require.NoError(t, err)
	other := access.NewKeys(b.DB, master, b.Clock.Now)
	kid := keyIDs(t, b.Instance)[0]
	require.ErrorContains(t, other.Ensure(t.Context()), "atrium keys withdraw "+kid)
	require.NoError(t, other.Withdraw(t.Context(), kid))
	require.NoError(t, other.Ensure(t.Context()))
	require.Len(t, other.Public(), 1)
}
