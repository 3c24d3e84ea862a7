package internal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/modules/users"
	"atrium/platform/etag"
	"atrium/platform/stacktest"
)

func TestParseHandle(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"ana.garcia": "ana.garcia", "@Ana_Garcia": "ana_garcia", "ＡＮＡ": "ana", " ana ": "ana", "a.b": "a.b",
	} {
		got, err := parseHandle(typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got)
	}
	for _, typed := range []string{
		"", "ab", strings.Repeat("a", 31), "ana garcia", "аna", "ana!", ".ana", "ana.", "a..b", "admin", "ADM1N", "a.d.m.i.n", "Atr1um", "ａｄｍｉｎ", "ana\u200b",
	} {
		_, err := parseHandle(typed)
		require.ErrorIs(t, err, errHandle, typed)
	}
}

func TestSkeleton_IsOneForWhatLooksAlike(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"paypal", "paypa1"}, {"room", "r0om"}, {"modern", "modem"}, {"Window", "vvindow"}, {"vvv", "vw"}, {"vw", "wv"}, {"rrn", "rm"}} {
		require.Equal(t, skeleton(pair[0]), skeleton(pair[1]))
	}
	require.NotEqual(t, skeleton("ana.b"), skeleton("anab"))
}

// confusable are pieces of handles that people take for one another: any piece may stand for any other of its line.
var confusable = [][]string{{"o", "0", "O", "ｏ"}, {"l", "1", "L"}, {"rn", "m", "M", "ｍ"}, {"w", "vv", "W", "VV"}, {"a", "A", "ａ", "𝐚"}, {"x"}, {"_"}}

// However somebody spells a handle that is taken, it is refused; and whoever types it so reaches its owner.
func TestProperty_NobodyLooksLikeSomebodyElse(t *testing.T) {
	stacktest.Properties(t, 40, 3000)
	b := setup(t)
	taken := map[string]uuid.UUID{} // by the handle's pieces
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.IntRange(0, len(confusable)-1), 3, 5).Draw(t, "pieces")
		spell := func(label string) (handle string) {
			for _, p := range pieces {
				handle += rapid.SampledFrom(confusable[p]).Draw(t, label)
			}
			return handle
		}
		ctx := context.Background()
		who := uuid.New()
		b.exec(b.t, "INSERT INTO users (id, handle, display_name) VALUES (?, ?, 'Somebody')", who, who.String()[:8])
		handle := spell("handle")
		if reserved[bare(handle)] {
			t.Skip("nobody gets this one")
		}
		_, err := b.people.Edit(ctx, who, etag.Any, edit{Handle: &handle})
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
				_, err := b.people.Edit(t.Context(), who, etag.Any, edit{Handle: &spelling})
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
	require.Zero(t, b.number(t, `SELECT count(*) FROM users u WHERE NOT EXISTS (
		SELECT 1 FROM user_handles h WHERE h.user_id = u.id AND h.handle = u.handle AND h.expires_at IS NULL)`), "the losers keep theirs")
}

func FuzzSuggestHandle(f *testing.F) {
	for _, name := range []string{"Ana García", "김민수", "admin", "....", "a", strings.Repeat("x", 100), "Ana..B", "rn\u0301"} {
		f.Add(name, 0)
	}
	f.Fuzz(func(t *testing.T, name string, try int) {
		h := suggestHandle(name, try&7)
		got, err := parseHandle(h)
		require.NoError(t, err, h)
		require.Equal(t, h, got)
	})
}
