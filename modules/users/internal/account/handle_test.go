package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/modules/users"
	handlerules "atrium/modules/users/internal/handle"
	"atrium/platform/etag"
	"atrium/platform/stacktest"
)

// confusable are pieces of handles that people take for one another: any piece may stand for any other of its line.
var confusable = [][]string{{"o", "0", "O", "ｏ"}, {"l", "1", "L"}, {"rn", "m", "M", "ｍ"}, {"w", "vv", "W", "VV"}, {"a", "A", "ａ", "𝐚"}, {"x"}, {"_"}}

// unreserved reports whether pieces make no handle that nobody may have, however they are spelled.
func unreserved(pieces []int) bool {
	handle := ""
	for _, p := range pieces {
		handle += confusable[p][0]
	}
	return !handlerules.IsReserved(handle)
}

// However somebody spells a handle that is taken, it is refused; and whoever types it so reaches its owner.
func TestProperty_NobodyLooksLikeSomebodyElse(t *testing.T) {
	stacktest.Properties(t, 40, 3000)
	b := setup(t)
	taken := map[string]uuid.UUID{} // by the handle's pieces
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.IntRange(0, len(confusable)-1), 3, 5).Filter(unreserved).Draw(t, "pieces")
		spell := func(label string) (handle string) {
			for _, p := range pieces {
				handle += rapid.SampledFrom(confusable[p]).Draw(t, label)
			}
			return handle
		}
		ctx := context.Background()
		who := uuid.New()
		b.db.Exec(b.t, "INSERT INTO users (id, handle, display_name) VALUES (?, ?, 'Somebody')", who, who.String()[:8])
		handle := spell("handle")
		_, err := b.accounts.Edit(ctx, who, etag.Any, edit{Handle: &handle})
		key := fmt.Sprint(pieces)
		if owner, isTaken := taken[key]; isTaken {
			require.ErrorIs(t, err, users.ErrHandleTaken, handle)
			who = owner
		} else {
			require.NoError(t, err, handle)
			taken[key] = who
		}
		found, err := b.directory.Resolve(ctx, spell("typed"))
		require.NoError(t, err)
		require.Equal(t, who, found)
	})
}

func TestRace_ForOneHandle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range stacktest.Budget(10, 300) {
		spellings := []string{fmt.Sprintf("modern%d", i), fmt.Sprintf("modem%d", i), fmt.Sprintf("m0dern%d", i), fmt.Sprintf("MODERN%d", i)}
		var won atomic.Int32
		var all sync.WaitGroup
		for n, spelling := range spellings {
			who := b.join(t, fmt.Sprintf("p%dq%d", i, n))
			all.Go(func() {
				_, err := b.accounts.Edit(t.Context(), who, etag.Any, edit{Handle: &spelling})
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, users.ErrHandleTaken) {
					t.Errorf("%s: %v", spelling, err)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, won.Load(), "one of those who want it gets it")
	}
	require.Zero(t, b.db.Number(t, `SELECT count(*) FROM users u WHERE NOT EXISTS (
		SELECT 1 FROM user_handles h WHERE h.user_id = u.id AND h.handle = u.handle AND h.expires_at IS NULL)`), "the losers keep theirs")
}
