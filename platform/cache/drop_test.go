package cache

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/outbox"
	"atrium/platform/stacktest"
)

// keeping is an instance that writes its Drops down in a database.
func (f *fleet) keeping(db *database.DB, addr string) *Space[uuid.UUID, person] {
	s := f.instance(addr)
	s.cache.KeepDrops(outbox.New(db).KeepDrop)
	return s
}

// relay is one beside an instance.
func relay(t *testing.T, db *database.DB, s *Space[uuid.UUID, person]) *outbox.Relay {
	none := func(string, string) []string { return nil }
	return outbox.NewRelay(db, outbox.Receivers{SubscribersOf: none, Drop: s.cache.Repeat}, zaptest.NewLogger(t),
		outbox.Config{BatchSize: 10, RequeueAfter: 10 * time.Millisecond})
}

func nameOf(t *testing.T, s *Space[uuid.UUID, person], key uuid.UUID, stored string) string {
	t.Helper()
	p, err := s.Load(t.Context(), key, func(context.Context) (person, error) { return person{Name: stored}, nil })
	require.NoError(t, err)
	return p.Name
}

func number(t *testing.T, db *database.DB, query string) (n int) {
	t.Helper()
	require.NoError(t, db.Conn(t.Context()).Raw(query).Scan(&n).Error)
	return n
}

func TestDropAfterCommit_IsRepeatedWhereItsProcessEndsRightAfterTheCommit(t *testing.T) {
	f, db, key := setup(t), dbtest.Clone(t), uuid.New()
	dying, other := f.keeping(db, ""), f.keeping(db, "")
	require.Equal(t, "old", nameOf(t, dying, key, "old"))
	require.Equal(t, "old", nameOf(t, other, key, "new"))
	var killed sync.WaitGroup
	killed.Go(func() {
		_ = db.InTx(t.Context(), func(ctx context.Context) error {
			db.AfterCommit(ctx, func(context.Context) { runtime.Goexit() }) // nothing after the commit happens any more
			dying.DropAfterCommit(ctx, key)
			return nil
		})
	})
	killed.Wait()
	require.Equal(t, "old", nameOf(t, other, key, "new"), "nobody has told it yet")
	rows, err := relay(t, db, other).Dispatch(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, rows)
	require.Equal(t, "new", nameOf(t, other, key, "new"))
	require.Equal(t, "new", nameOf(t, f.instance(""), key, "old"), "a new start reads Redis")
	require.Zero(t, number(t, db, "SELECT count(*) FROM outbox"), "done is done")
}

func TestDropAfterCommit_WaitsForRedis(t *testing.T) {
	f, db, key := setup(t), dbtest.Clone(t), uuid.New()
	proxy := stacktest.NewProxy(t, stacktest.Env(t, "ATRIUM_REDIS_URL"))
	target, err := redis.ParseURL(proxy.URL())
	require.NoError(t, err)
	cutOff, other := f.keeping(db, target.Addr), f.keeping(db, "")
	require.Equal(t, "old", nameOf(t, cutOff, key, "old"))
	require.Equal(t, "old", nameOf(t, other, key, "new"))
	proxy.Cut()
	f.eventually(cutOff.cache.deaf.Load)
	require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
		cutOff.DropAfterCommit(ctx, key)
		return nil
	}))
	require.Equal(t, "new", nameOf(t, cutOff, key, "new"), "its own copy is dropped at once")
	_, err = relay(t, db, cutOff).Dispatch(t.Context())
	require.Error(t, err)
	require.Equal(t, 1, number(t, db, "SELECT count(*) FROM outbox WHERE due_at < 'infinity'"), "what Redis did not take waits")
	f.eventually(func() bool {
		_, err := relay(t, db, other).Dispatch(t.Context())
		return err == nil && number(t, db, "SELECT count(*) FROM outbox") == 0
	})
	require.Equal(t, "new", nameOf(t, other, key, "new"))
}

func TestRepeat_PassesOverWhatItCannotRead(t *testing.T) {
	f, key := setup(t), uuid.New()
	s := f.instance("")
	require.Equal(t, "old", nameOf(t, s, key, "old"))
	kept := []json.RawMessage{
		json.RawMessage(`{"of": "another version"}`),
		mustMarshal([]drop{{Space: f.space, Keys: json.RawMessage(`{"no": "list"}`)}, {Space: f.space, Keys: json.RawMessage(`["no id"]`)}}),
		mustMarshal([]drop{s.cache.newDrop(f.space, []uuid.UUID{key})}),
	}
	require.NoError(t, s.cache.Repeat(t.Context(), kept))
	require.Equal(t, "new", nameOf(t, s, key, "new"))
}

func TestDropAfterCommit_WritesOneRowForATransaction(t *testing.T) {
	t.Parallel()
	db := dbtest.Clone(t)
	c := New(nil, zap.NewNop())
	c.KeepDrops(outbox.New(db).KeepDrop)
	words := NewSpace[string, int](c, "words", time.Minute, time.Minute, MB)
	people := NewSpace[uuid.UUID, person](c, "people", time.Minute, time.Minute, MB)
	id := uuid.New()
	failed := errors.New("it fails")
	require.ErrorIs(t, db.InTx(t.Context(), func(ctx context.Context) error {
		words.DropAfterCommit(ctx, "lost")
		return failed
	}), failed)
	require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
		words.DropAfterCommit(ctx, "a", `"b"`)
		people.DropAfterCommit(ctx, id)
		people.DropAfterCommit(ctx)
		return nil
	}))
	var payload string
	require.NoError(t, db.Conn(t.Context()).Raw("SELECT payload::text FROM outbox").Scan(&payload).Error)
	var drops []drop
	require.NoError(t, json.Unmarshal([]byte(payload), &drops))
	var keys []string
	for _, d := range drops {
		of, err := remoteKeysOf(d)
		require.NoError(t, err)
		keys = append(keys, of...)
	}
	require.Equal(t, []string{words.remoteKey("a"), words.remoteKey(`"b"`), people.remoteKey(id)}, keys)
	require.Equal(t, 1, number(t, db, "SELECT count(*) FROM outbox"))
}
