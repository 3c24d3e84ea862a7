// Package timeline keeps the feeds of those who read theirs in Redis, ids alone, and writes what is published into them: fan-out on
// write for most authors, on read for those with very many followers. docs/adr/0040 says why.
package timeline

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/cache"
)

const (
	// timelineTTL is how long a timeline lives before it is made anew: the bound on anything that went wrong unseen.
	timelineTTL = 6 * time.Hour
	// timelineLength is six pages of 20; further down a feed is read from the database.
	timelineLength = 120
)

// Timelines are the feeds as Redis keeps them, one for each person who reads theirs.
type Timelines struct{ *cache.Timelines }

// NewTimelines opens them.
func NewTimelines(c *cache.Cache) *Timelines {
	return &Timelines{cache.NewTimelines(c, "posts.feed", timelineTTL, timelineLength)}
}

// Forget has the person's feed made anew at its next reading. Call it in AfterCommit of what publishes or restores a post of theirs:
// authors see it in their own feed at once.
func (t *Timelines) Forget(ctx context.Context, person uuid.UUID) { t.Drop(ctx, person) }
