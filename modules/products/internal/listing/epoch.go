package listing

import (
	"context"
	"crypto/rand"
	"time"

	"atrium/platform/cache"
)

// Epoch is a name for the state of the catalogue as searches see it: what was found in an earlier epoch is not answered any more. It is
// shared by all instances through the cache.
type Epoch struct{ names *cache.Space[string, string] }

// epochKey is the one key of the space.
const epochKey = "state"

func NewEpoch(c *cache.Cache) *Epoch {
	return &Epoch{names: cache.NewSpace[string, string](c, "products.shelf", 10*time.Minute, time.Minute, cache.MB)}
}

// Current returns the name of the epoch.
func (e *Epoch) Current(ctx context.Context) (string, error) {
	return e.names.Load(ctx, epochKey, func(context.Context) (string, error) { return rand.Text(), nil })
}

// End begins another epoch after the transaction in ctx. Call it in whatever changes what searches should find at once.
func (e *Epoch) End(ctx context.Context) { e.names.DropAfterCommit(ctx, epochKey) }
