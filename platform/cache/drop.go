package cache

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"atrium/platform/database"
)

// PermissionTTL is how long a Space keeps copies of what decides who may see what, in Redis and then in a process: together less than
// a minute, which is how long something deleted, hidden or blocked may be seen where every Drop of it was lost.
const PermissionTTL = 25 * time.Second

// longestTTL is more than any Space keeps a value: a Drop of values of an unknown Space need not be repeated later than that.
const longestTTL = 48 * time.Hour

// KeepDrops has every Drop that follows from a transaction written down with that transaction, by keep, for Repeat: so that it
// happens even if this process ends between its commit and its Drop, or cannot reach Redis. Call it before the cache is used.
func (c *Cache) KeepDrops(keep func(ctx context.Context, drop any) error) { c.keep = keep }

// DropAfterCommit forgets keys once the transaction in ctx has committed, before InTx returns: see Drop. The Drop is written down
// with the transaction (see KeepDrops). Without a transaction it is Drop.
func (s *Space[K, V]) DropAfterCommit(ctx context.Context, keys ...K) {
	if len(keys) == 0 {
		return
	}
	due, ok := database.Collect(ctx, dropsKey{s.cache}, func() (*pendingDrops, database.Collection) {
		due := &pendingDrops{}
		return due, database.Collection{
			LastStep:    func(context.Context) error { return due.failed },
			AfterCommit: func(ctx context.Context) { s.cache.dropAll(ctx, due) },
		}
	})
	if !ok {
		s.Drop(ctx, keys...)
		return
	}
	remote := s.forgotten(keys)
	due.add(remote, func() { s.forgetLocal(keys) })
	due.failed = errors.Join(due.failed, s.cache.keepDrop(ctx, remote.message))
}

// dropsKey is what a transaction collects the Drops of one cache under.
type dropsKey struct{ cache *Cache }

// pendingDrops are the Drops of one transaction.
type pendingDrops struct {
	remote      []forgotten
	forgetLocal []func()
	failed      error // not written down: the transaction must not commit
}

func (p *pendingDrops) add(remote forgotten, forgetLocal func()) {
	p.remote = append(p.remote, remote)
	p.forgetLocal = append(p.forgetLocal, forgetLocal)
}

func (p *pendingDrops) forget() {
	for _, forget := range p.forgetLocal {
		forget()
	}
}

func (c *Cache) keepDrop(ctx context.Context, written json.RawMessage) error {
	if c.keep == nil {
		return nil
	}
	return c.keep(ctx, written)
}

func (c *Cache) dropAll(ctx context.Context, due *pendingDrops) {
	due.forget()
	c.remote.drop(ctx, due.remote...)
	// Again: until now somebody here could have fetched the old value from Redis.
	due.forget()
}

// Repeat does Drops that KeepDrops wrote down, each element of kept being what one call was given: here, in Redis and on the other
// instances. An error says that Redis did not take them, so that they are still to be repeated. What is not readable is logged and
// passed over, so that no other Drop waits for it. Idempotent.
func (c *Cache) Repeat(ctx context.Context, kept []json.RawMessage) error {
	all := c.merged(kept)
	var remote []forgotten
	for _, d := range all {
		keys, err := remoteKeysOf(d)
		if err != nil {
			c.unreadable(err)
			continue
		}
		remote = append(remote, forgotten{keys: keys, message: mustMarshal(d), until: time.Now().Add(longestTTL)})
	}
	c.forgetHere(all)
	if err := c.remote.repeat(ctx, remote); err != nil {
		return err
	}
	c.forgetHere(all) // again: until now somebody here could have fetched the old value from Redis
	return nil
}

// merged brings the keys of each Space together, each key once: a batch of rows is mostly about the same few Spaces.
func (c *Cache) merged(kept []json.RawMessage) (all []drop) {
	keys := map[string][]json.RawMessage{}
	seen := map[string]bool{}
	for _, one := range kept {
		var drops []struct {
			Space string            `json:"space"`
			Keys  []json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal(one, &drops); err != nil {
			c.unreadable(err)
			continue
		}
		for _, d := range drops {
			for _, key := range d.Keys {
				if name := remoteName(d.Space, key); !seen[name] {
					seen[name] = true
					keys[d.Space] = append(keys[d.Space], key)
				}
			}
		}
	}
	for _, space := range slices.Sorted(maps.Keys(keys)) {
		for some := range slices.Chunk(keys[space], scriptKeys) {
			all = append(all, c.newDrop(space, some))
		}
	}
	return all
}

func (c *Cache) forgetHere(drops []drop) {
	for _, d := range drops {
		c.mu.RLock()
		s, ok := c.spaces[d.Space]
		c.mu.RUnlock()
		if !ok {
			continue // of a module that is off here, or of another version
		}
		if err := s.forget(d.Keys); err != nil {
			c.unreadable(err)
		}
	}
}

// unreadable logs a Drop that another version wrote in a form of its own.
func (c *Cache) unreadable(err error) { c.log.Error("cache: a Drop is not readable", zap.Error(err)) }

// remoteKeysOf names the keys of a Drop in Redis, whatever their type.
func remoteKeysOf(d drop) ([]string, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(d.Keys, &raw); err != nil {
		return nil, err
	}
	keys := make([]string, len(raw))
	for i, key := range raw {
		keys[i] = remoteName(d.Space, key)
	}
	return keys, nil
}

// remoteName is the name in Redis of a key, given as JSON: a string as it is, anything else as its JSON.
func remoteName(space string, key json.RawMessage) string {
	text := string(key)
	if text[0] == '"' {
		_ = json.Unmarshal(key, &text) // it is JSON, and a string
	}
	return space + ":" + text
}

func (c *Cache) newDrop(space string, keys any) drop {
	return drop{From: c.instance, Space: space, Keys: mustMarshal(keys)}
}

// mustMarshal writes keys as JSON; that they can be is the choice of whoever opens a Space.
func mustMarshal(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic("cache: keys cannot be written as JSON: " + err.Error())
	}
	return text
}
