package internal

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/modules/auth"
	"atrium/platform/stacktest"
)

// Random histories of refreshes, lost answers, confirmations and thefts: the owner is never signed out by a lost answer, and
// two who use one token more than the forgiveness apart, after its child was confirmed, are found at that use.
func TestRefreshHistories_Property(t *testing.T) {
	stacktest.Properties(t, 100, 100_000)
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		s := session{GeneratedAt: now, ExpiresAt: now.Add(time.Hour)}
		var held int64 // the owner's newest token
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "seconds")) * time.Second)
			switch rapid.SampledFrom([]string{"refresh", "lose the answer", "use the access token", "theft"}).Draw(t, "step") {
			case "refresh":
				require.NoError(t, s.refresh(held, now, time.Hour), "the owner is never signed out")
				held = s.Generation
			case "lose the answer":
				require.NoError(t, s.refresh(held, now, time.Hour), "nor by what got lost")
			case "use the access token":
				if held == s.Generation {
					s.Confirmed = true
				}
			case "theft":
				stolen := rapid.Int64Range(0, s.Generation).Draw(t, "stolen")
				before := s
				err := s.refresh(stolen, now, time.Hour)
				if found := mustBeFound(before, stolen, now); found != errors.Is(err, auth.ErrRefreshReused) {
					t.Fatalf("generation %d of %d, confirmed %v, %s later: %v", stolen, before.Generation, before.Confirmed, now.Sub(before.GeneratedAt), err)
				}
				s = before // the next theft is another world
			}
		}
	})
}

// mustBeFound is the law in other words: a token was used, and its child is known to have arrived, or has had a child itself.
func mustBeFound(s session, used int64, now time.Time) bool {
	grandchild := s.Generation >= used+2
	childArrived := s.Generation == used+1 && s.Confirmed && now.After(s.GeneratedAt.Add(forgiveness))
	return grandchild || childArrived
}

// model is what the law says of one session, without a thought of how it is kept.
type model struct {
	tokens    []string    // given out so far, the newest last
	born      []time.Time // when each was given out first
	confirmed bool        // the newest, or an access token that came with it, was seen
	over      bool
	stolen    bool // somebody else has ever used a token
}

// use says how using a token ends: with which generation, or with an error.
func (m *model) use(generation int, now time.Time) (next int, err error) {
	newest := len(m.tokens) - 1
	switch {
	case m.over:
		return 0, auth.ErrRefreshReused
	case generation == newest:
		return newest + 1, nil
	case generation == newest-1 && (!m.confirmed || now.Sub(m.born[newest]) <= 30*time.Second):
		return newest, nil
	}
	m.over = true
	return 0, auth.ErrRefreshReused
}

// holder is the owner or the thief: the newest tokens that each has.
type holder struct {
	generation int
	access     string
}

// The service itself, on its database, against the model: random histories of refreshes, losses, uses and thefts. The owner is
// never signed out by what got lost; two holders of one token are found when the law says; a family that is over stays over,
// and its owner is told once.
func TestRefreshHistories_ServiceProperty(t *testing.T) {
	b := setup(t)
	stacktest.Properties(t, 25, 3000)
	rapid.Check(t, func(t *rapid.T) {
		ctx := b.ctx
		user := b.people.Add("p" + uuid.NewString())
		opened, roles, err := b.auth.enterAs(ctx, user, "google", device{}, "")
		require.NoError(t, err)
		first, err := b.auth.answer(ctx, opened, roles)
		require.NoError(t, err)
		m := &model{tokens: []string{first.RefreshToken}, born: []time.Time{b.clock.now()}}
		owner, thief := &holder{access: first.AccessToken}, &holder{}

		refresh := func(who *holder, lost bool) {
			used := who.generation
			next, want := m.use(used, b.clock.now())
			got, err := b.auth.Refresh(ctx, m.tokens[used], origin{Address: "test"})
			if want != nil {
				require.ErrorIs(t, err, want)
				require.True(t, m.stolen, "without a thief nobody is ever sent away")
				return
			}
			require.NoError(t, err)
			if next == len(m.tokens) {
				m.tokens, m.born, m.confirmed = append(m.tokens, got.RefreshToken), append(m.born, b.clock.now()), false
			}
			require.Equal(t, m.tokens[next], got.RefreshToken, "one child only")
			if !lost {
				who.generation, who.access = next, got.AccessToken
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				b.clock.advance(time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second)
			},
			"the owner refreshes":                func(*rapid.T) { refresh(owner, false) },
			"the owner's answer is lost":         func(*rapid.T) { refresh(owner, true) },
			"the owner asks with what they have": func(*rapid.T) { m.see(b, t, owner) },
			"a thief copies what the owner has":  func(*rapid.T) { *thief = *owner; m.stolen = true },
			"the thief refreshes": func(t *rapid.T) {
				if !m.stolen {
					t.Skip("there is no thief yet")
				}
				refresh(thief, false)
			},
			"the thief asks with what they have": func(t *rapid.T) {
				if !m.stolen {
					t.Skip("there is no thief yet")
				}
				m.see(b, t, thief)
			},
		})
		told := int64(0)
		if m.over {
			told = 1
		}
		var events int64
		require.NoError(t, b.db.Conn(ctx).Raw("SELECT count(*) FROM outbox WHERE name = 'auth.session_revoked.v1' AND payload->>'session_id' = ?",
			opened.ID.String()).Scan(&events).Error)
		require.Equal(t, told, events)
	})
}

// see uses an access token and lets what it confirms be written, as the watch does every few seconds.
func (m *model) see(b *bundle, t *rapid.T, who *holder) {
	_, err := b.tokens.Authenticate(b.ctx, who.access)
	if m.over {
		require.ErrorIs(t, err, auth.ErrInvalidToken)
		return
	}
	if err != nil {
		return // it has expired
	}
	require.NoError(t, b.seen.Flush(b.ctx))
	m.confirmed = m.confirmed || who.generation == len(m.tokens)-1
}
