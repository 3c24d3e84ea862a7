package app

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/stacktest"
	"atrium/scripts/demo/client"
)

// tokens are a session's.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	User    struct {
		ID string `json:"id"`
	} `json:"user"`
}

// However refreshes and new sign-ins meet the suspension or the departure of their person, afterwards nothing that came out of
// them opens anything. There is no Redis and no worker: the database alone carries it.
func TestSignInRace_AgainstSuspendAndDelete(t *testing.T) {
	t.Parallel()
	i := install(t, "ATRIUM_REDIS_URL=redis://127.0.0.1:1/0")
	i.serve("api")
	boss := i.join("boss")
	i.run("atrium", "admin", "grant", "user="+boss.ID)
	boss = i.again(boss)
	for round := range stacktest.Budget(6, 300) {
		person := i.join("person")
		first := i.sessionOf(person)
		var mu sync.Mutex
		out := []tokens{first}
		keep := func(got tokens, err error) {
			if err == nil {
				mu.Lock()
				out = append(out, got)
				mu.Unlock()
			}
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { keep(i.refresh(first.Refresh)) })
			all.Go(func() { keep(i.signInAgain(person)) })
		}
		all.Go(func() {
			var err error
			if round%2 == 0 {
				_, err = boss.Call(t.Context(), http.MethodPost, "/admin/users/"+person.ID+"/suspend", nil, nil)
			} else {
				_, err = person.Call(t.Context(), http.MethodDelete, "/me", nil, nil)
			}
			if err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		})
		all.Wait()
		if round%2 == 1 {
			continue // whoever signs in after the departure has come back, and is in by right
		}
		for _, one := range out {
			i.eventually(5*time.Second, "an access token of a suspended person is refused", func() bool {
				answer, _ := client.Call(t.Context(), http.MethodGet, i.stack.API+"/v1/me", one.Access, nil, nil, nil)
				return answer.Status == http.StatusUnauthorized
			})
			_, err := i.refresh(one.Refresh)
			require.ErrorContains(t, err, "auth.account_suspended")
		}
		require.Zero(t, i.count("SELECT count(*) FROM sessions WHERE user_id = ? AND ended_at IS NULL", person.ID))
	}
	require.Zero(t, i.count(`SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.ended_at IS NULL AND (u.suspended_at IS NOT NULL OR u.erase_at IS NOT NULL)`), "a locked account has a living session")
}

func (i *installation) again(p *client.Person) *client.Person {
	i.t.Helper()
	next, _, err := client.SignIn(i.t.Context(), i.stack, i.subjectOf(p), p.Email, "again", "again")
	require.NoError(i.t, err)
	return next
}

// signInAgain signs a person in once more, by hand, since the client keeps no refresh token.
func (i *installation) signInAgain(p *client.Person) (tokens, error) {
	var nonce struct{ Nonce string }
	var minted struct {
		IDToken string `json:"id_token"`
	}
	var got tokens
	ctx := context.WithoutCancel(i.t.Context())
	if _, err := client.Call(ctx, http.MethodPost, i.stack.API+"/v1/auth/nonce", "", nil, nil, &nonce); err != nil {
		return got, err
	}
	var sub string
	if err := i.db.Conn(ctx).Raw("SELECT subject FROM identities WHERE user_id = ?", p.ID).Scan(&sub).Error; err != nil {
		return got, err
	}
	if _, err := client.Call(ctx, http.MethodPost, i.stack.Google+"/mint", "", nil, map[string]any{"sub": sub, "nonce": nonce.Nonce}, &minted); err != nil {
		return got, err
	}
	_, err := client.Call(ctx, http.MethodPost, i.stack.API+"/v1/auth/google/token", "", nil, map[string]any{"id_token": minted.IDToken}, &got)
	return got, err
}

func (i *installation) sessionOf(p *client.Person) tokens {
	i.t.Helper()
	got, err := i.signInAgain(p)
	require.NoError(i.t, err)
	return got
}

func (i *installation) refresh(token string) (tokens, error) {
	var got tokens
	_, err := client.Call(context.WithoutCancel(i.t.Context()), http.MethodPost, i.stack.API+"/v1/auth/refresh", "", nil, map[string]string{"refresh_token": token}, &got)
	return got, err
}

// The operator's commands: a new key, and everybody out.
func TestEndToEnd_KeysAndSessions(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.serve("api")
	ana, ben := i.join("ana"), i.join("ben")
	require.Contains(t, i.run("atrium", "keys", "rotate"), "signs as soon as every instance has loaded it")
	require.Equal(t, 2, i.count("SELECT count(*) FROM signing_keys"))
	require.Contains(t, i.run("atrium", "sessions", "revoke", "user="+ana.ID), "1 sessions of "+ana.ID+" are over")
	i.eventually(5*time.Second, "Ana is out", func() bool {
		answer, _ := ana.Call(t.Context(), http.MethodGet, "/me", nil, nil)
		return answer.Status == http.StatusUnauthorized
	})
	_, err := ben.Call(t.Context(), http.MethodGet, "/me", nil, nil)
	require.NoError(t, err)
	require.Equal(t, 1, i.count("SELECT count(*) FROM auth_audit WHERE event = 'ended' AND detail = 'operator'"))
}

// The answer to a refresh counts as arrived within five seconds of the first use of its access token, off the request's path. From
// then on whoever comes back with the parent, more than 30 seconds later, ends the session; the owner is told by one mail.
func TestEndToEnd_AReusedTokenIsFoundAndToldOnce(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.serve("all")
	ana, _, err := client.SignIn(t.Context(), i.stack, "reused-"+i.redisURL, uuid.NewString()+"@atrium.test", "Ana", "phone")
	require.NoError(t, err)
	stolen := i.sessionOf(ana)
	next, err := i.refresh(stolen.Refresh)
	require.NoError(t, err)
	unconfirmed := `SELECT count(*) FROM sessions WHERE user_id = ? AND generation = 1 AND NOT confirmed`
	require.Equal(t, 1, i.count(unconfirmed, ana.ID))
	_, err = client.Call(t.Context(), http.MethodGet, i.stack.API+"/v1/me", next.Access, nil, nil, nil)
	require.NoError(t, err)
	i.eventually(5*time.Second, "the access token that came with the refresh confirms it", func() bool { return i.count(unconfirmed, ana.ID) == 0 })

	require.NoError(t, i.db.Conn(t.Context()).Exec("UPDATE sessions SET generated_at = generated_at - interval '31 seconds' WHERE user_id = ?", ana.ID).Error)
	settled := func() bool {
		return i.count("SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now()") == 0
	}
	i.eventually(20*time.Second, "Ana has heard of her new device", settled)
	before := i.distinctMails(ana.Email)
	var thieves sync.WaitGroup
	for range 5 {
		thieves.Go(func() {
			if _, err := i.refresh(stolen.Refresh); err == nil {
				t.Error("a token that was used long ago opened the session")
			}
		})
	}
	thieves.Wait()
	_, err = i.refresh(next.Refresh)
	require.ErrorContains(t, err, "auth.", "the owner is out too: nobody can tell who is who")
	i.eventually(5*time.Second, "and so is what the session had opened", func() bool {
		answer, _ := client.Call(t.Context(), http.MethodGet, i.stack.API+"/v1/me", next.Access, nil, nil, nil)
		return answer.Status == http.StatusUnauthorized
	})
	_, err = ana.Call(t.Context(), http.MethodGet, "/me", nil, nil)
	require.NoError(t, err, "their other device stays in")
	i.eventually(20*time.Second, "all is done", settled)
	require.Equal(t, before+1, i.distinctMails(ana.Email))
}
