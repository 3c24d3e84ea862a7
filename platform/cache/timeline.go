package cache

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"
)

// Timelines are lists in Redis, each the newest entries of something longer: its owner pushes what is new, and a list that is
// not there is made once, by whoever reads it first. Redis may lose all of them.
//
// A list is a sorted set of members that sort by their bytes: the mark on top, then entries, newest first, and at the
// bottom, as long as nothing was cut off, the end. While a list is made, a lease stands in its place; a Push or Drop
// deletes the lease, so that a list read before them never arrives after them.
type Timelines struct {
	cache  *Cache
	name   string
	ttl    time.Duration
	most   int
	makers singleflight.Group

	hit, miss prometheus.Counter
}

// Entry is a place in a timeline: a moment, in microseconds, and an id, which orders entries of one moment.
type Entry struct {
	At time.Time
	ID uuid.UUID
}

// Stretch is a part of a timeline.
type Stretch struct {
	Entries []Entry // newest first
	Ended   bool    // nothing comes after them; else the owner must look further
	From    Origin
}

// Origin says where a stretch comes from.
type Origin string

// The origins.
const (
	Hit    Origin = "hit"    // it was in Redis
	Miss   Origin = "miss"   // it has been made just now
	Bypass Origin = "bypass" // Redis is out of use: the stretch is empty, and the owner must look further
)

const (
	markByte, leaseByte, endByte = "\xff", "\xfe", "\x00"
	// pushAtOnce bounds how many lists one script touches: Redis does nothing else meanwhile.
	pushAtOnce = 250
	// mostEntries keeps a list with its mark and its end within what Redis packs tightly: 4 kB instead of 15.
	mostEntries = 126
)

var (
	// leaseScript begins to make a list: of nothing, or of one with another mark. It reports false where somebody else does already.
	leaseScript = redis.NewScript(`
local top = redis.call('ZRANGE', KEYS[1], -1, -1)[1]
if top and (top == ARGV[1] or string.byte(top) == 254) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], 0, ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`)

	// makeScript puts a list in the place of its lease.
	makeScript = redis.NewScript(`
if redis.call('ZRANGE', KEYS[1], -1, -1)[1] ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`)

	// pushScript adds an entry to those lists that are there. One below the lower edge of a list that was cut off is not part of it.
	pushScript = redis.NewScript(`
for _, key in ipairs(KEYS) do
  local top = redis.call('ZRANGE', key, -1, -1)[1]
  if top and string.byte(top) == 255 then
    redis.call('ZADD', key, 0, ARGV[1])
    if redis.call('ZRANK', key, ARGV[1]) == 0 then
      redis.call('ZREM', key, ARGV[1])
    else
      redis.call('ZREMRANGEBYRANK', key, 0, -ARGV[2] - 2)
    end
  elseif top then
    redis.call('DEL', key)
  end
end
return 0`)
)

// NewTimelines opens the lists called name, of at most `most` entries each (126 at most). A list lives about ttl, then it is
// made anew: what was lost between a Push and Redis is found again by then.
func NewTimelines(c *Cache, name string, ttl time.Duration, most int) *Timelines {
	if most < 1 || most > mostEntries {
		panic("cache: a timeline has 1 to 126 entries")
	}
	return &Timelines{
		cache: c, name: name, ttl: ttl, most: most,
		hit: c.lookups.WithLabelValues(name, "redis", "hit"), miss: c.lookups.WithLabelValues(name, "redis", "miss"),
	}
}

// Most is how many entries a list has at most.
func (t *Timelines) Most() int { return t.most }

// Read returns up to n entries that come after one. A list that is not there, or was made under another mark, is made from
// newest, which returns the newest Most entries; callers at the same time wait for one another. The error is newest's.
func (t *Timelines) Read(ctx context.Context, list uuid.UUID, mark string, after Entry, n int,
	newest func(ctx context.Context) ([]Entry, error)) (Stretch, error) {
	members, there, ok := t.read(ctx, list, mark, after, n)
	switch {
	case !ok:
		return Stretch{From: Bypass}, nil
	case there:
		t.hit.Inc()
		return stretch(members, Hit), nil
	}
	t.miss.Inc()
	made, err, _ := t.makers.Do(list.String()+mark, func() (any, error) {
		return t.make(context.WithoutCancel(ctx), list, mark, newest)
	})
	if err != nil {
		return Stretch{}, err
	}
	members = made.([]string)
	from, _ := slices.BinarySearchFunc(members, after.member(), func(a, b string) int { return strings.Compare(b, a) })
	if from < len(members) && members[from] == after.member() {
		from++
	}
	return stretch(members[from:min(from+n, len(members))], Miss), nil
}

// read asks Redis. ok: it answered; there: it has the list under this mark.
func (t *Timelines) read(ctx context.Context, list uuid.UUID, mark string, after Entry, n int) (members []string, there, ok bool) {
	type answer struct{ top, members []string }
	got, ok := ask(ctx, t.cache.remote, func(ctx context.Context) (answer, error) {
		var top, members *redis.StringSliceCmd
		_, err := client(t.cache.remote).Pipelined(ctx, func(p redis.Pipeliner) error {
			top = p.ZRange(ctx, t.key(list), -1, -1)
			members = p.ZRevRangeByLex(ctx, t.key(list), &redis.ZRangeBy{Max: "(" + after.member(), Min: "-", Count: int64(n)})
			return nil
		})
		return answer{top.Val(), members.Val()}, err
	})
	return got.members, ok && len(got.top) == 1 && got.top[0] == markByte+mark, ok
}

// make makes a list and keeps it, unless a Push or Drop came in between or somebody else is making it too.
func (t *Timelines) make(ctx context.Context, list uuid.UUID, mark string, newest func(ctx context.Context) ([]Entry, error)) ([]string, error) {
	key, lease := t.key(list), leaseByte+rand.Text()
	leased, _ := ask(ctx, t.cache.remote, func(ctx context.Context) (int, error) {
		return leaseScript.Run(ctx, client(t.cache.remote), []string{key}, markByte+mark, lease, leaseTTL.Milliseconds()).Int()
	})
	entries, err := newest(ctx)
	if err != nil {
		return nil, err
	}
	members := make([]string, len(entries), len(entries)+1)
	for i, e := range entries {
		members[i] = e.member()
	}
	if len(entries) < t.most {
		members = append(members, endByte)
	}
	if leased == 1 {
		args := []any{lease, jitter(t.ttl, 0.9, 1.1).Milliseconds(), markByte + mark}
		for _, m := range members {
			args = append(args, m)
		}
		ask(ctx, t.cache.remote, func(ctx context.Context) (int, error) {
			return makeScript.Run(ctx, client(t.cache.remote), []string{key}, args...).Int()
		})
	}
	return members, nil
}

var errOutOfUse = errors.New("cache: Redis is out of use")

// Push adds an entry to those of the lists that are in Redis; one that has it already stays as it is. After an error it must
// be called again: some lists may lack the entry.
func (t *Timelines) Push(ctx context.Context, lists []uuid.UUID, e Entry) error {
	for chunk := range slices.Chunk(lists, pushAtOnce) {
		_, ok := ask(ctx, t.cache.remote, func(ctx context.Context) (int, error) {
			return pushScript.Run(ctx, client(t.cache.remote), t.keys(chunk), e.member(), t.most).Int()
		})
		if !ok && client(t.cache.remote) != nil {
			return errOutOfUse
		}
	}
	return nil
}

// Drop forgets lists: in Redis at once, or before Redis is used again. Call it in db.AfterCommit.
func (t *Timelines) Drop(ctx context.Context, lists ...uuid.UUID) {
	if len(lists) > 0 {
		t.cache.remote.drop(ctx, forgotten{keys: t.keys(lists), until: time.Now().Add(t.ttl + t.ttl/10)})
	}
}

func (t *Timelines) key(list uuid.UUID) string { return t.name + ":" + list.String() }

func (t *Timelines) keys(lists []uuid.UUID) []string {
	keys := make([]string, len(lists))
	for i, list := range lists {
		keys[i] = t.key(list)
	}
	return keys
}

// member is the entry as its list has it: bytes that sort like the entries.
func (e Entry) member() string {
	var b [24]byte
	binary.BigEndian.PutUint64(b[:8], uint64(max(e.At.UnixMicro(), 0)))
	copy(b[8:], e.ID[:])
	return string(b[:])
}

// stretch reads members, the end among them.
func stretch(members []string, from Origin) Stretch {
	s := Stretch{Entries: make([]Entry, 0, len(members)), From: from}
	for _, m := range members {
		if len(m) != 24 {
			s.Ended = true
			break
		}
		at := time.UnixMicro(int64(binary.BigEndian.Uint64([]byte(m[:8])))).UTC()
		s.Entries = append(s.Entries, Entry{At: at, ID: uuid.UUID([]byte(m[8:]))})
	}
	return s
}
