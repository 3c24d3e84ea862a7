package internal

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/auth/internal/access"
	"atrium/platform/apptest"
)

// The signing key changes under traffic on two instances: nobody is refused, old tokens hold until they expire, and new ones
// name the new key as soon as it takes over.
func TestRotation_MidTrafficParallel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.start(t, nil)
	before := b.signIn(t, "early")
	stop := make(chan struct{})
	var traffic sync.WaitGroup
	rounds := make([]int, 4)
	for worker := range rounds {
		person := b.signIn(t, "worker"+string(rune('a'+worker)))
		here, there := b.instance, other
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
				person = apptest.Read[signedIn](answer)
				if !assertStatus(t, there.sessions(t, person.Access), 200) {
					return
				}
				rounds[worker]++
			}
		})
	}
	kid, err := b.auth.RotateKeys(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, kid, kidOf(t, b.signIn(t, "still").Access), "a new key waits until every instance has it")
	require.NoError(t, other.keys.Reload(t.Context()), "which its watch does every half minute")
	require.Contains(t, keyIDs(t, other), kid, "verifiers see it before its first use")
	b.clock.advance(11 * time.Minute)
	fresh := b.signIn(t, "late")
	require.Equal(t, kid, kidOf(t, fresh.Access))
	for _, i := range []*instance{b.instance, other} {
		i.sessions(t, fresh.Access).Want(200)
		i.sessions(t, before.Access).Want(200)
	}
	close(stop)
	traffic.Wait()
	for _, n := range rounds {
		require.Positive(t, n)
	}
	b.clock.advance(2 * time.Hour)
	require.NoError(t, b.keys.RotateDue(t.Context()))
	require.Equal(t, []string{kid}, keyIDs(t, b.instance), "no token can name the old one any more")
	b.refreshed(t, before.Refresh)
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

func keyIDs(t *testing.T, i *instance) (ids []string) {
	t.Helper()
	set := apptest.Read[struct{ Keys []access.JWK }](i.Do(t, apptest.Request{Path: "/.well-known/jwks.json"}).Want(200))
	for _, key := range set.Keys {
		ids = append(ids, key.ID)
	}
	return ids
}
