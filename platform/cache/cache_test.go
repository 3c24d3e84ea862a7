package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/database"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
)

// testTimeout replaces opTimeout where Redis is well, so that a busy machine does not look like a Redis that is down.
const testTimeout = 5 * time.Second

type person struct {
	Name string `json:"name"`
}

// fleet makes instances of the application that share one Redis and one space, which no other test has.
type fleet struct {
	t     *testing.T
	opts  redis.Options
	space string
}

func setup(t *testing.T) *fleet {
	t.Parallel()
	opts, err := redis.ParseURL(stacktest.Env(t, "ATRIUM_REDIS_URL"))
	require.NoError(t, err)
	return &fleet{t: t, opts: *opts, space: "test." + uuid.NewString()}
}

// instance starts one that reaches Redis at addr ("": directly), and waits until it hears Drops.
func (f *fleet) instance(addr string) *Space[uuid.UUID, person] {
	s := f.mutedInstance(addr)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.cache.Run(ctx)
	}()
	f.t.Cleanup(func() { cancel(); <-ended })
	f.eventually(func() bool { return !s.cache.deaf.Load() })
	return s
}

// mutedInstance is one that does not listen.
func (f *fleet) mutedInstance(addr string) *Space[uuid.UUID, person] {
	opts := f.opts
	if addr != "" {
		opts.Addr = addr
	}
	rdb := redis.NewClient(&opts)
	f.t.Cleanup(func() { _ = rdb.Close() })
	c := New(rdb, zap.NewNop(), WithTimeout(testTimeout))
	return NewSpace[uuid.UUID, person](c, f.space, time.Minute, time.Minute, MB)
}

func (f *fleet) eventually(condition func() bool) {
	f.t.Helper()
	require.Eventually(f.t, condition, 10*time.Second, 2*time.Millisecond)
}

// stored returns what Redis holds for a key, "" for nothing.
func (f *fleet) stored(key uuid.UUID) string {
	rdb := redis.NewClient(&f.opts)
	defer func() { _ = rdb.Close() }()
	text, err := rdb.Get(context.Background(), f.space+":"+key.String()).Result()
	if !errors.Is(err, redis.Nil) {
		require.NoError(f.t, err)
	}
	return text
}

func named(name string) func(context.Context) (person, error) {
	return func(context.Context) (person, error) { return person{name}, nil }
}

func unwanted(t *testing.T) func(context.Context) (person, error) {
	return func(context.Context) (person, error) {
		t.Error("nothing should be loaded")
		return person{}, nil
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("a value is loaded once, kept here and in Redis", func(t *testing.T) {
		f := setup(t)
		a, b, key := f.instance(""), f.instance(""), uuid.New()
		got, err := a.Load(ctx, key, named("Ada"))
		require.NoError(t, err)
		require.Equal(t, person{"Ada"}, got)
		require.JSONEq(t, `{"name":"Ada"}`, f.stored(key))

		for _, s := range []*Space[uuid.UUID, person]{a, b, b} {
			got, err = s.Load(ctx, key, unwanted(t))
			require.NoError(t, err)
			require.Equal(t, person{"Ada"}, got)
		}
		require.InDelta(t, 1, testutil.ToFloat64(b.redisHit), 0)
		require.InDelta(t, 1, testutil.ToFloat64(b.localHit), 0)
	})

	t.Run("a hundred loads of one key are one load", func(t *testing.T) {
		f := setup(t)
		s, key := f.instance(""), uuid.New()
		var loads atomic.Int32
		release := make(chan struct{})
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() {
				got, err := s.Load(ctx, key, func(context.Context) (person, error) {
					loads.Add(1)
					<-release
					return person{"Ada"}, nil
				})
				if err != nil || got.Name != "Ada" {
					t.Errorf("got %v, %v", got, err)
				}
			})
		}
		f.eventually(func() bool { return testutil.ToFloat64(s.localMiss) == 100 && loads.Load() == 1 })
		close(release)
		wait.Wait()
		require.EqualValues(t, 1, loads.Load())
	})

	t.Run("an error of load is returned and not kept", func(t *testing.T) {
		f := setup(t)
		s, key := f.instance(""), uuid.New()
		broken := errors.New("broken")
		_, err := s.Load(ctx, key, func(context.Context) (person, error) { return person{}, broken })
		require.ErrorIs(t, err, broken)
		got, err := s.Load(ctx, key, named("Ada"))
		require.NoError(t, err)
		require.Equal(t, person{"Ada"}, got)
	})

	t.Run("a caller who gives up does not fail those who wait with them", func(t *testing.T) {
		f := setup(t)
		s, key := f.instance(""), uuid.New()
		first, giveUp := context.WithCancel(ctx)
		loading, firstEnded := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(firstEnded)
			_, _ = s.Load(first, key, func(ctx context.Context) (person, error) {
				close(loading)
				<-ctx.Done()
				return person{}, ctx.Err()
			})
		}()
		<-loading
		second := make(chan person)
		go func() {
			got, err := s.Load(ctx, key, named("Ada"))
			if err != nil {
				t.Error(err)
			}
			second <- got
		}()
		f.eventually(func() bool { return testutil.ToFloat64(s.localMiss) == 2 })
		giveUp()
		require.Equal(t, person{"Ada"}, <-second)
		<-firstEnded
	})

	t.Run("what Redis holds but cannot be read is loaded", func(t *testing.T) {
		f := setup(t)
		s, key := f.instance(""), uuid.New()
		require.NoError(t, client(s.cache.remote).Set(ctx, f.space+":"+key.String(), `["another shape"]`, time.Minute).Err())
		got, err := s.Load(ctx, key, named("Ada"))
		require.NoError(t, err)
		require.Equal(t, person{"Ada"}, got)
	})

	t.Run("inside a transaction it is not asked and learns nothing", func(t *testing.T) {
		f := setup(t)
		db, err := database.Open(database.Config{
			URL:              secret.Text(stacktest.Env(t, "ATRIUM_DATABASE_URL")),
			MaxConnections:   1,
			AcquireTimeout:   time.Second,
			StatementTimeout: time.Second,
			LockTimeout:      time.Second,
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		s, key := f.instance(""), uuid.New()
		require.NoError(t, db.InTx(ctx, func(ctx context.Context) error {
			for _, uncommitted := range []string{"first", "second"} {
				got, err := s.Load(ctx, key, named(uncommitted))
				require.NoError(t, err)
				require.Equal(t, person{uncommitted}, got)
			}
			return nil
		}))
		got, err := s.Load(ctx, key, named("committed"))
		require.NoError(t, err)
		require.Equal(t, person{"committed"}, got)
	})

	t.Run("without any Redis it is a cache of this process", func(t *testing.T) {
		t.Parallel()
		s := NewSpace[string, int](New(nil, zap.NewNop()), "numbers", time.Minute, time.Minute, MB)
		for range 2 {
			got, err := s.Load(ctx, "one", func(context.Context) (int, error) { return 1, nil })
			require.NoError(t, err)
			require.Equal(t, 1, got)
		}
		s.Drop(ctx, "one")
		got, err := s.Load(ctx, "one", func(context.Context) (int, error) { return 2, nil })
		require.NoError(t, err)
		require.Equal(t, 2, got)
	})
}

func TestLoadMany(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("each level is asked once, for what the one before did not have", func(t *testing.T) {
		f := setup(t)
		a, b := f.instance(""), f.instance("")
		keys := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
		_, err := a.Load(ctx, keys[0], named("in Redis"))
		require.NoError(t, err)
		_, err = b.Load(ctx, keys[1], named("here"))
		require.NoError(t, err)

		calls := 0
		got, err := b.LoadMany(ctx, append(keys, keys[2]), func(_ context.Context, missing []uuid.UUID) (map[uuid.UUID]person, error) {
			calls++
			require.Equal(t, keys[2:], missing)
			return map[uuid.UUID]person{keys[2]: {"loaded"}}, nil
		})
		require.NoError(t, err)
		require.Equal(t, map[uuid.UUID]person{keys[0]: {"in Redis"}, keys[1]: {"here"}, keys[2]: {"loaded"}}, got)
		require.Equal(t, 1, calls)
		require.JSONEq(t, `{"name":"loaded"}`, f.stored(keys[2]))
	})

	t.Run("a key that load leaves out is absent and asked for again", func(t *testing.T) {
		f := setup(t)
		s, key := f.instance(""), uuid.New()
		for range 2 {
			called := false
			got, err := s.LoadMany(ctx, []uuid.UUID{key}, func(context.Context, []uuid.UUID) (map[uuid.UUID]person, error) {
				called = true
				return nil, nil
			})
			require.NoError(t, err)
			require.Empty(t, got)
			require.True(t, called)
		}
	})

	t.Run("a Load that waited for a LoadMany without its key asks for itself", func(t *testing.T) {
		f := setup(t)
		s, key := f.instance(""), uuid.New()
		absent := errors.New("absent")
		loading, release := make(chan struct{}), make(chan struct{})
		go func() {
			_, _ = s.LoadMany(ctx, []uuid.UUID{key}, func(context.Context, []uuid.UUID) (map[uuid.UUID]person, error) {
				close(loading)
				<-release
				return nil, nil
			})
		}()
		<-loading
		result := make(chan error)
		go func() {
			_, err := s.Load(ctx, key, func(context.Context) (person, error) { return person{}, absent })
			result <- err
		}()
		f.eventually(func() bool { return testutil.ToFloat64(s.localMiss) == 2 })
		close(release)
		require.ErrorIs(t, <-result, absent)
	})

	t.Run("its error is returned", func(t *testing.T) {
		f := setup(t)
		broken := errors.New("broken")
		_, err := f.instance("").LoadMany(ctx, []uuid.UUID{uuid.New()}, func(context.Context, []uuid.UUID) (map[uuid.UUID]person, error) {
			return nil, broken
		})
		require.ErrorIs(t, err, broken)
	})

	t.Run("thousands of keys are no problem", func(t *testing.T) {
		f := setup(t)
		keys := make([]uuid.UUID, 2*scriptKeys+1)
		want := map[uuid.UUID]person{}
		for i := range keys {
			keys[i] = uuid.New()
			want[keys[i]] = person{fmt.Sprint(i)}
		}
		s := f.instance("")
		texts, lease := s.cache.remote.read(ctx, s.remoteKeys(keys))
		require.NotEmpty(t, lease)
		require.Len(t, texts, len(keys))
		got, err := s.LoadMany(ctx, keys, func(context.Context, []uuid.UUID) (map[uuid.UUID]person, error) { return want, nil })
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestDrop(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("another instance sees the new value within a second", func(t *testing.T) {
		f := setup(t)
		a, b, key := f.instance(""), f.instance(""), uuid.New()
		for _, s := range []*Space[uuid.UUID, person]{a, b} {
			_, err := s.Load(ctx, key, named("old"))
			require.NoError(t, err)
		}
		a.Drop(ctx, key)
		began := time.Now()
		f.eventually(func() bool {
			got, err := b.Load(ctx, key, named("new"))
			return err == nil && got.Name == "new"
		})
		require.Less(t, time.Since(began), time.Second)
		got, err := a.Load(ctx, key, unwanted(t))
		require.NoError(t, err)
		require.Equal(t, person{"new"}, got)
	})

	// A load reads the old row; then the writer commits and drops; then the load comes back.
	staleLoad := func(t *testing.T, f *fleet, reader, writer *Space[uuid.UUID, person]) {
		key := uuid.New()
		loading, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var once sync.Once
		row := atomic.Pointer[string]{}
		store := func(name string) { row.Store(&name) }
		store("old")
		go func() {
			defer close(ended)
			_, _ = reader.Load(ctx, key, func(context.Context) (person, error) {
				read := *row.Load()
				once.Do(func() { close(loading); <-release })
				return person{read}, nil
			})
		}()
		<-loading
		store("new")
		writer.Drop(ctx, key)
		got, err := writer.Load(ctx, key, named("new"))
		require.NoError(t, err)
		require.Equal(t, person{"new"}, got, "the writer sees what was written, while the load is still under way")
		close(release)
		<-ended

		f.eventually(func() bool {
			got, err := reader.Load(ctx, key, named("new"))
			return err == nil && got.Name == "new"
		})
		require.NotContains(t, f.stored(key), "old")
		for _, s := range []*Space[uuid.UUID, person]{reader, writer, f.mutedInstance("")} {
			got, err := s.Load(ctx, key, named("new"))
			require.NoError(t, err)
			require.Equal(t, person{"new"}, got)
		}
	}
	t.Run("a load that began before it brings nothing back on this instance", func(t *testing.T) {
		f := setup(t)
		s := f.instance("")
		staleLoad(t, f, s, s)
	})
	t.Run("a load that began before it brings nothing back through Redis on another instance", func(t *testing.T) {
		f := setup(t)
		staleLoad(t, f, f.instance(""), f.instance(""))
	})
	t.Run("a load of many that began before it leaves the old value nowhere, however often it is tried", func(t *testing.T) {
		f := setup(t)
		s := f.instance("")
		for range 200 {
			keys, row := []uuid.UUID{uuid.New(), uuid.New()}, "old"
			_, err := s.LoadMany(ctx, keys, func(context.Context, []uuid.UUID) (map[uuid.UUID]person, error) {
				read := row
				if read == "old" { // and written meanwhile
					row = "new"
					s.Drop(ctx, keys[0])
				}
				return map[uuid.UUID]person{keys[0]: {read}, keys[1]: {"other"}}, nil
			})
			require.NoError(t, err)
			got, err := s.LoadMany(ctx, keys[:1], func(context.Context, []uuid.UUID) (map[uuid.UUID]person, error) {
				return map[uuid.UUID]person{keys[0]: {"new"}}, nil
			})
			require.NoError(t, err)
			require.Equal(t, person{"new"}, got[keys[0]])
		}
	})
	t.Run("a load without a writer's reload between leaves the old value nowhere", func(t *testing.T) {
		f := setup(t)
		s, key := f.instance(""), uuid.New()
		names := make(chan string, 2)
		names <- "old"
		names <- "new"
		got, err := s.Load(ctx, key, func(context.Context) (person, error) {
			name := <-names
			if name == "old" {
				s.Drop(ctx, key)
			}
			return person{name}, nil
		})
		require.NoError(t, err)
		require.Equal(t, person{"new"}, got)
		require.JSONEq(t, `{"name":"new"}`, f.stored(key))
	})

	t.Run("writers and readers of many instances agree in the end", func(t *testing.T) {
		f := setup(t)
		instances := []*Space[uuid.UUID, person]{f.instance(""), f.instance(""), f.instance("")}
		key := uuid.New()
		var row atomic.Int64
		read := func(context.Context) (person, error) { return person{fmt.Sprint(row.Load())}, nil }
		var wait sync.WaitGroup
		for _, s := range instances {
			wait.Go(func() {
				for range 100 {
					row.Add(1)
					s.Drop(ctx, key)
				}
			})
			for range 4 {
				wait.Go(func() {
					for range 200 {
						if _, err := s.Load(ctx, key, read); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		wait.Wait()
		last := fmt.Sprint(row.Load())
		for _, s := range append(instances, f.mutedInstance("")) {
			f.eventually(func() bool {
				got, err := s.Load(ctx, key, read)
				return err == nil && got.Name == last
			})
		}
		require.Contains(t, []string{"", `{"name":"` + last + `"}`}, f.stored(key))
	})
}

func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	for name, m := range map[string]mode{"refuses": refusing, "never answers": mute} {
		t.Run("a Redis that "+name+" costs a moment once, then nothing", func(t *testing.T) {
			f := setup(t)
			p := newProxy(t, f.opts.Addr)
			s := f.instance(p.addr())
			s.cache.remote.timeout = opTimeout
			p.become(m)

			began := time.Now()
			_, err := s.Load(ctx, uuid.New(), named("Ada"))
			require.NoError(t, err)
			require.Less(t, time.Since(began), 20*opTimeout)
			f.eventually(func() bool { return !s.cache.remote.usable() })

			began = time.Now()
			for range 100 {
				_, err := s.Load(ctx, uuid.New(), named("Ada"))
				require.NoError(t, err)
				s.Drop(ctx, uuid.New())
			}
			require.Less(t, time.Since(began), 20*opTimeout, "200 operations do not wait for Redis")
			require.InDelta(t, 0, testutil.ToFloat64(s.cache.remote.inUse), 0)

			p.become(passing)
			f.eventually(s.cache.remote.usable)
		})
	}

	t.Run("a Drop that Redis missed is repeated before Redis is believed again", func(t *testing.T) {
		f := setup(t)
		p := newProxy(t, f.opts.Addr)
		a, b, key := f.instance(p.addr()), f.instance(""), uuid.New()
		for _, s := range []*Space[uuid.UUID, person]{a, b} {
			_, err := s.Load(ctx, key, named("old"))
			require.NoError(t, err)
		}
		p.become(refusing)
		a.Drop(ctx, key)
		require.Contains(t, f.stored(key), "old")
		got, err := a.Load(ctx, key, named("new"))
		require.NoError(t, err)
		require.Equal(t, person{"new"}, got, "the writer does not ask a Redis that has not heard of it")

		p.become(passing)
		f.eventually(a.cache.remote.usable)
		require.NotContains(t, f.stored(key), "old")
		f.eventually(func() bool {
			got, err := b.Load(ctx, key, named("new"))
			return err == nil && got.Name == "new"
		})
	})

	t.Run("what was kept while Drops passed unheard is forgotten", func(t *testing.T) {
		f := setup(t)
		p := newProxy(t, f.opts.Addr)
		a, b, key := f.instance(""), f.instance(p.addr()), uuid.New()
		_, err := b.Load(ctx, key, named("old"))
		require.NoError(t, err)
		p.become(refusing)
		f.eventually(b.cache.deaf.Load)
		a.Drop(ctx, key)
		p.become(passing)
		f.eventually(func() bool { return !b.cache.deaf.Load() && b.cache.remote.usable() })
		got, err := b.Load(ctx, key, named("new"))
		require.NoError(t, err)
		require.Equal(t, person{"new"}, got)
	})

	t.Run("a deaf instance trusts its own copy for a second", func(t *testing.T) {
		f := setup(t)
		a, b, key := f.instance(""), f.mutedInstance(""), uuid.New()
		_, err := b.Load(ctx, key, named("old"))
		require.NoError(t, err)
		a.Drop(ctx, key)
		began := time.Now()
		f.eventually(func() bool {
			got, err := b.Load(ctx, key, named("new"))
			return err == nil && got.Name == "new"
		})
		require.Less(t, time.Since(began), 3*deafTTL)
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	type handle string
	type pair struct{ A, B string }
	c := New(nil, zap.NewNop())
	id := uuid.MustParse("0194d7b0-0000-7000-8000-000000000001")
	require.Equal(t, "u:"+id.String(), NewSpace[uuid.UUID, int](c, "u", time.Minute, time.Minute, MB).remoteKey(id))
	require.Equal(t, `s:a"b`, NewSpace[string, int](c, "s", time.Minute, time.Minute, MB).remoteKey(`a"b`))
	require.Equal(t, "h:ada", NewSpace[handle, int](c, "h", time.Minute, time.Minute, MB).remoteKey("ada"))
	require.Equal(t, "i:7", NewSpace[int, int](c, "i", time.Minute, time.Minute, MB).remoteKey(7))
	pairs := NewSpace[pair, int](c, "p", time.Minute, time.Minute, MB)
	require.NotEqual(t, pairs.remoteKey(pair{"a b", "c"}), pairs.remoteKey(pair{"a", "b c"}))
	require.PanicsWithValue(t, "cache: the space u was opened twice", func() {
		NewSpace[uuid.UUID, int](c, "u", time.Minute, time.Minute, MB)
	})
}

func TestCollector(t *testing.T) {
	t.Parallel()
	c := New(nil, zap.NewNop())
	s := NewSpace[string, int](c, "numbers", time.Minute, time.Minute, MB)
	for range 3 {
		_, err := s.Load(context.Background(), "one", func(context.Context) (int, error) { return 1, nil })
		require.NoError(t, err)
	}
	require.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(`
# HELP atrium_cache_lookups_total Keys looked up, by space, level (local, redis, derived) and outcome (hit, miss).
# TYPE atrium_cache_lookups_total counter
atrium_cache_lookups_total{level="local",outcome="hit",space="numbers"} 2
atrium_cache_lookups_total{level="local",outcome="miss",space="numbers"} 1
atrium_cache_lookups_total{level="redis",outcome="hit",space="numbers"} 0
atrium_cache_lookups_total{level="redis",outcome="miss",space="numbers"} 0
`), "atrium_cache_lookups_total"))
}

func BenchmarkLoadHit(b *testing.B) {
	ctx := context.Background()
	s := NewSpace[uuid.UUID, person](New(nil, zap.NewNop()), "people", time.Hour, time.Hour, MB)
	key := uuid.New()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Load(ctx, key, named("Ada")); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkLoadManyHit20(b *testing.B) {
	ctx := context.Background()
	s := NewSpace[uuid.UUID, person](New(nil, zap.NewNop()), "people", time.Hour, time.Hour, MB)
	keys := make([]uuid.UUID, 20)
	all := map[uuid.UUID]person{}
	for i := range keys {
		keys[i] = uuid.New()
		all[keys[i]] = person{"Ada"}
	}
	load := func(context.Context, []uuid.UUID) (map[uuid.UUID]person, error) { return all, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.LoadMany(ctx, keys, load); err != nil {
			b.Error(err)
		}
	}
}
