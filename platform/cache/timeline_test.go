package cache

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/redistest"
	"atrium/platform/stacktest"
)

// long is one list with its truth.
type long struct {
	t     *testing.T
	lists *Timelines
	id    uuid.UUID
	mu    sync.Mutex
	truth []Entry // newest first
	made  int
}

func newLong(t *testing.T, rdb redis.UniversalClient, most int) *long {
	c := New(rdb, zap.NewNop(), WithTimeout(testTimeout))
	return &long{t: t, lists: NewTimelines(c, "test.lists", time.Minute, most), id: uuid.New()}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// write adds an entry n seconds after the epoch to the truth.
func (l *long) write(n int) Entry {
	e := Entry{At: epoch.Add(time.Duration(n) * time.Second), ID: uuid.New()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.truth = append(l.truth, e)
	slices.SortFunc(l.truth, newer)
	return e
}

func newer(a, b Entry) int {
	if c := b.At.Compare(a.At); c != 0 {
		return c
	}
	return bytes.Compare(b.ID[:], a.ID[:])
}

func (l *long) push(e Entry) { require.NoError(l.t, l.lists.Push(l.t.Context(), []uuid.UUID{l.id}, e)) }

var before = Entry{At: epoch.Add(1e6 * time.Hour), ID: uuid.Max}

func (l *long) read(mark string, after Entry, n int) Stretch {
	l.t.Helper()
	s, err := l.lists.Read(l.t.Context(), l.id, mark, after, n, func(context.Context) ([]Entry, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.made++
		return slices.Clone(l.truth[:min(len(l.truth), l.lists.Most())]), nil
	})
	require.NoError(l.t, err)
	return s
}

func TestTimelines_AreMadeOnceAndThenPushedTo(t *testing.T) {
	t.Parallel()
	l := newLong(t, redistest.Open(t), 10)
	l.write(1)
	l.write(2)
	first := l.read("a", before, 5)
	require.Equal(t, Stretch{Entries: l.truth, Ended: true, From: Miss}, first)
	l.push(l.write(3))
	l.push(l.write(0))
	require.Equal(t, Stretch{Entries: l.truth, Ended: true, From: Hit}, l.read("a", before, 5))
	require.Equal(t, Stretch{Entries: l.truth[1:3], From: Hit}, l.read("a", l.truth[0], 2))
	l.push(l.truth[0])
	require.Len(t, l.read("a", before, 5).Entries, 4, "twice is once")
	require.Equal(t, 1, l.made)

	t.Run("another mark makes it anew", func(t *testing.T) {
		require.Equal(t, Miss, l.read("b", before, 5).From)
		require.Equal(t, Hit, l.read("b", before, 5).From)
		require.Equal(t, 2, l.made)
	})
	t.Run("and so does a Drop", func(t *testing.T) {
		l.lists.Drop(t.Context(), l.id)
		require.Equal(t, Miss, l.read("b", before, 5).From)
	})
	t.Run("nobody's list is not made by a push", func(t *testing.T) {
		require.NoError(t, l.lists.Push(t.Context(), []uuid.UUID{uuid.New()}, l.truth[0]))
		keys, err := client(l.lists.cache.remote).Keys(t.Context(), "test.lists:*").Result()
		require.NoError(t, err)
		require.Len(t, keys, 1)
	})
}

func TestTimelines_AListThatWasCutOffSaysSo(t *testing.T) {
	t.Parallel()
	l := newLong(t, redistest.Open(t), 5)
	for n := range 5 {
		l.write(10 + n)
	}
	l.read("a", before, 5)
	require.Equal(t, Stretch{Entries: l.truth, From: Hit}, l.read("a", before, 9), "5 of who knows how many")
	l.push(l.write(20))
	require.Equal(t, l.truth[:5], l.read("a", before, 9).Entries, "the oldest fell off")
	l.push(l.write(1))
	require.Equal(t, l.truth[:5], l.read("a", before, 9).Entries, "what is older than all of it is no part of it")
	require.Equal(t, Stretch{Entries: []Entry{}, From: Hit}, l.read("a", l.truth[4], 9))
}

func TestTimelines_AnEmptyListIsAListToo(t *testing.T) {
	t.Parallel()
	l := newLong(t, redistest.Open(t), 5)
	for range 3 {
		require.True(t, l.read("a", before, 5).Ended)
	}
	require.Equal(t, 1, l.made)
}

func TestTimelines_WithoutRedis(t *testing.T) {
	t.Parallel()
	line := redistest.Broken(t)
	l := newLong(t, redistest.Dial(t, line.URL()), 5)
	l.write(1)
	l.read("a", before, 5)
	line.Cut()
	require.Equal(t, Stretch{From: Bypass}, l.read("a", before, 5))
	require.ErrorIs(t, l.lists.Push(t.Context(), []uuid.UUID{l.id}, l.write(2)), errOutOfUse)
	l.lists.Drop(t.Context(), l.id)
	line.Mend()
	require.Eventually(t, func() bool { return l.read("a", before, 5).From != Bypass }, 10*time.Second, 5*time.Millisecond)
	require.Len(t, l.read("a", before, 5).Entries, 2, "the Drop came before Redis was used again")
}

// A list is made while entries are committed and pushed: whatever was pushed is in it, or it is not kept.
func TestTimelines_RaceOfMakersAndPushers(t *testing.T) {
	t.Parallel()
	rdb := redistest.Open(t)
	for round := range stacktest.Budget(20, 2000) {
		l := newLong(t, rdb, 100)
		var all sync.WaitGroup
		for n := range 10 {
			all.Go(func() { l.push(l.write(n)) })
			all.Go(func() {
				if rand.IntN(3) == 0 {
					l.lists.Drop(t.Context(), l.id)
				}
				l.read("a", before, 100)
			})
		}
		all.Wait()
		require.Equal(t, l.truth, l.read("a", before, 100).Entries, "round %d", round)
	}
}
