package session

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/modules/auth"
	"atrium/platform/stacktest"
)

// Random histories of refreshes, lost answers, confirmations and thefts: the owner is never signed out by a lost answer, and
// two who use one token more than the reuse interval apart, after its child was confirmed, are found at that use.
func TestRefreshHistories_Property(t *testing.T) {
	stacktest.Properties(t, 100, 100_000)
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		s := Session{GeneratedAt: now, ExpiresAt: now.Add(time.Hour)}
		var held int64 // the owner's newest token
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "seconds")) * time.Second)
			switch rapid.SampledFrom([]string{"refresh", "lose the answer", "use the access token", "theft"}).Draw(t, "step") {
			case "refresh":
				require.NoError(t, s.rotate(held, now, time.Hour), "the owner is never signed out")
				held = s.Generation
			case "lose the answer":
				require.NoError(t, s.rotate(held, now, time.Hour), "nor by what got lost")
			case "use the access token":
				if held == s.Generation {
					s.Confirmed = true
				}
			case "theft":
				stolen := rapid.Int64Range(0, s.Generation).Draw(t, "stolen")
				before := s
				err := s.rotate(stolen, now, time.Hour)
				if found := mustBeFound(before, stolen, now); found != errors.Is(err, auth.ErrRefreshReused) {
					t.Fatalf("generation %d of %d, confirmed %v, %s later: %v", stolen, before.Generation, before.Confirmed, now.Sub(before.GeneratedAt), err)
				}
				s = before // the next theft is another world
			}
		}
	})
}

// mustBeFound states the rule in other words: the token was used, and its successor has arrived or was used itself.
func mustBeFound(s Session, used int64, now time.Time) bool {
	grandchild := s.Generation >= used+2
	childArrived := s.Generation == used+1 && s.Confirmed && now.After(s.GeneratedAt.Add(reuseInterval))
	return grandchild || childArrived
}
