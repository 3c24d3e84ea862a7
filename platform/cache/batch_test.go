package cache

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"atrium/platform/redistest"
)

// pair are two Spaces of one instance; who asks for a person there asks for their town next.
type pair struct {
	people, towns *Space[uuid.UUID, person]
	commands      *redistest.Commands
}

func (f *fleet) pair() *pair {
	p := &pair{people: f.instance("")}
	p.towns = NewSpace[uuid.UUID, person](p.people.cache, f.space+".town", time.Minute, time.Minute, MB)
	p.people.ReadWith(p.towns)
	rdb := client(p.people.cache.remote)
	for _, script := range []*redis.Script{readScript, writeScript} { // or the first of all would be asked for twice
		require.NoError(f.t, script.Load(context.Background(), rdb).Err())
	}
	p.commands = redistest.Count(rdb)
	return p
}

// read loads both, from what is stored where no copy is.
func (p *pair) read(ctx context.Context, t *testing.T, key uuid.UUID, stored string) (who, town string) {
	t.Helper()
	a, err := p.people.Load(ctx, key, named(stored))
	require.NoError(t, err)
	b, err := p.towns.Load(ctx, key, named(stored))
	require.NoError(t, err)
	return a.Name, b.Name
}

func TestInBatch_OneCommandReadsAndOneWrites(t *testing.T) {
	f, key := setup(t), uuid.New()
	first, second := f.pair(), f.pair()
	first.people.cache.InBatch(t.Context(), func(ctx context.Context) {
		who, town := first.read(ctx, t, key, "old")
		require.Equal(t, []string{"old", "old"}, []string{who, town})
		require.Equal(t, 1, first.commands.Sent("evalsha"), "read")
	})
	require.Equal(t, 2, first.commands.Sent("evalsha"), "read and written")
	require.JSONEq(t, `{"name":"old"}`, f.stored(key))

	second.people.cache.InBatch(t.Context(), func(ctx context.Context) {
		who, town := second.read(ctx, t, key, "not asked for")
		require.Equal(t, []string{"old", "old"}, []string{who, town})
	})
	require.Equal(t, 1, second.commands.Sent("evalsha"), "nothing was left to write")
}

func TestInBatch_ADropComesBeforeWhatWasReadAhead(t *testing.T) {
	f, key := setup(t), uuid.New()
	p, other := f.pair(), f.pair()
	other.read(t.Context(), t, key, "old")
	p.people.cache.InBatch(t.Context(), func(ctx context.Context) {
		_, err := p.people.Load(ctx, key, named("not asked for"))
		require.NoError(t, err)
		p.towns.Drop(ctx, key)
		town, err := p.towns.Load(ctx, key, named("new"))
		require.NoError(t, err)
		require.Equal(t, "new", town.Name)
	})
	town, err := p.towns.Load(t.Context(), key, named("not asked for"))
	require.NoError(t, err)
	require.Equal(t, "new", town.Name)
}

func TestInBatch_ADropComesBeforeWhatIsStillToBeWritten(t *testing.T) {
	f, key := setup(t), uuid.New()
	p := f.pair()
	p.people.cache.InBatch(t.Context(), func(ctx context.Context) {
		require.Equal(t, "old", nameOfIn(ctx, t, p.people, key, "old"))
		p.people.Drop(ctx, key)
		require.Equal(t, "new", nameOfIn(ctx, t, p.people, key, "new"), "read again, under a lease of its own")
		require.Empty(t, strings.Trim(f.stored(key), leaseMark+"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), "nothing but the lease")
	})
	require.JSONEq(t, `{"name":"new"}`, f.stored(key))

	p.people.cache.InBatch(t.Context(), func(ctx context.Context) {
		p.people.Drop(ctx, key)
		require.Equal(t, "older", nameOfIn(ctx, t, p.people, key, "older"))
		p.people.Drop(ctx, key)
	})
	require.Empty(t, f.stored(key))
}

func nameOfIn(ctx context.Context, t *testing.T, s *Space[uuid.UUID, person], key uuid.UUID, stored string) string {
	t.Helper()
	p, err := s.Load(ctx, key, named(stored))
	require.NoError(t, err)
	return p.Name
}

func TestInBatch_WithoutRedisNothingIsLost(t *testing.T) {
	t.Parallel()
	c := New(nil, nil)
	s := NewSpace[uuid.UUID, person](c, "people", time.Minute, time.Minute, MB)
	c.InBatch(t.Context(), func(ctx context.Context) {
		require.Equal(t, "here", nameOfIn(ctx, t, s, uuid.New(), "here"))
	})
	(*Cache)(nil).InBatch(t.Context(), func(ctx context.Context) {
		require.Equal(t, "here", nameOfIn(ctx, t, s, uuid.New(), "here"))
	})
}

func TestInBatch_MuchIsWrittenAtOnce(t *testing.T) {
	f := setup(t)
	p, keys := f.pair(), make([]uuid.UUID, scriptKeys)
	for i := range keys {
		keys[i] = uuid.New()
	}
	p.people.cache.InBatch(t.Context(), func(ctx context.Context) {
		_, err := p.people.LoadMany(ctx, keys, func(context.Context, []uuid.UUID) (map[uuid.UUID]person, error) {
			all := map[uuid.UUID]person{}
			for _, key := range keys {
				all[key] = person{"one of many"}
			}
			return all, nil
		})
		require.NoError(t, err)
		require.JSONEq(t, `{"name":"one of many"}`, f.stored(keys[0]))
	})
}
