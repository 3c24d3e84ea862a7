package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/session"
	"atrium/modules/auth/internal/throttle"
	"atrium/platform/stacktest"
)

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
	ctx := t.Context()
	stacktest.Properties(t, 25, 3000)
	rapid.Check(t, func(t *rapid.T) {
		user := b.people.Add("p" + uuid.NewString())
		var opened session.Session
		var roles []string
		require.NoError(t, b.DB.InTx(ctx, func(ctx context.Context) (err error) {
			opened, roles, err = b.Sessions.Open(ctx, user, "google", session.Device{}, "")
			return err
		}))
		first, err := b.Sessions.Issue(ctx, opened, roles)
		require.NoError(t, err)
		m := &model{tokens: []string{first.Refresh}, born: []time.Time{b.Clock.Now()}}
		owner, thief := &holder{access: first.Access}, &holder{}

		refresh := func(who *holder, lost bool) {
			used := who.generation
			next, want := m.use(used, b.Clock.Now())
			got, err := b.Sessions.Refresh(ctx, m.tokens[used], throttle.Origin{Address: "test"})
			if want != nil {
				require.ErrorIs(t, err, want)
				require.True(t, m.stolen, "without a thief nobody is ever sent away")
				return
			}
			require.NoError(t, err)
			if next == len(m.tokens) {
				m.tokens, m.born, m.confirmed = append(m.tokens, got.Refresh), append(m.born, b.Clock.Now()), false
			}
			require.Equal(t, m.tokens[next], got.Refresh, "one child only")
			if !lost {
				who.generation, who.access = next, got.Access
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				b.Clock.Advance(time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second)
			},
			"the owner refreshes":                func(*rapid.T) { refresh(owner, false) },
			"the owner's answer is lost":         func(*rapid.T) { refresh(owner, true) },
			"the owner asks with what they have": func(*rapid.T) { m.see(ctx, t, b, owner) },
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
				m.see(ctx, t, b, thief)
			},
		})
		told := int64(0)
		if m.over {
			told = 1
		}
		var events int64
		require.NoError(t, b.DB.Conn(ctx).Raw("SELECT count(*) FROM outbox WHERE name = 'auth.session_revoked.v1' AND payload->>'session_id' = ?",
			opened.ID.String()).Scan(&events).Error)
		require.Equal(t, told, events)
	})
}

// see uses an access token and lets what it confirms be written, as the syncer does every few seconds.
func (m *model) see(ctx context.Context, t *rapid.T, b *bundle, who *holder) {
	_, err := b.Tokens.Authenticate(ctx, who.access)
	if m.over {
		require.ErrorIs(t, err, auth.ErrInvalidToken)
		return
	}
	if err != nil {
		return // it has expired
	}
	require.NoError(t, b.LastSeen.Flush(ctx))
	m.confirmed = m.confirmed || who.generation == len(m.tokens)-1
}
