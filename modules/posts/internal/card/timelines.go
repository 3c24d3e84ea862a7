package card

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/cache"
)

const (
	// timelineFor is how long a timeline lives before it is made anew: the bound on anything that went wrong unseen.
	timelineFor = 6 * time.Hour
	// timelineLength is six pages of 20; further down a feed is read from the database.
	timelineLength = 120
)

// Timelines are the feeds as Redis keeps them, one for each person who reads theirs.
type Timelines struct{ *cache.Timelines }

// NewTimelines opens them.
func NewTimelines(c *cache.Cache) *Timelines {
	return &Timelines{cache.NewTimelines(c, "posts.feed", timelineFor, timelineLength)}
}

// Forget has the person's feed made anew at its next reading.
func (t *Timelines) Forget(ctx context.Context, person uuid.UUID) { t.Drop(ctx, person) }
