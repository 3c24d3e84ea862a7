// Package viewcount counts who looks at a post, and shows an author how their post does.
package viewcount

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/platform/cache"
	"atrium/platform/tasks"
)

// Counter counts people who opened a post: each once a day, the author never. The figure is off by about 1 %, and what was not written
// down when Redis was lost is missing from it: it is for curiosity, not for books.
type Counter struct {
	store *Store
	seen  *cache.DistinctCounter
}

// kept is how long a day's people can still be told apart: longer than it takes to write them down.
const kept = 48 * time.Hour

func NewCounter(store *Store, c *cache.Cache) *Counter {
	return &Counter{store: store, seen: cache.NewDistinctCounter(c, "posts.views", kept)}
}

// Schedules writes down what was counted.
func Schedules(c *Counter) []tasks.Schedule {
	return []tasks.Schedule{{Name: "posts.count_views", Every: time.Minute, Run: c.WriteDown}}
}

// Seen notes that somebody opened a post. It never waits.
func (c *Counter) Seen(viewer, author, post uuid.UUID) {
	if viewer != uuid.Nil && viewer != author {
		c.seen.Add(time.Now().UTC().Format(time.DateOnly)+"/"+post.String(), viewer.String())
	}
}

// WriteDown brings PostgreSQL up to date with what Redis counted.
func (c *Counter) WriteDown(ctx context.Context) error {
	c.seen.Flush(ctx)
	return c.seen.Drain(ctx, func(ctx context.Context, counts map[string]int64) error {
		days := make([]daily, 0, len(counts))
		for set, viewers := range counts {
			day, post, _ := strings.Cut(set, "/")
			id, err := uuid.Parse(post)
			if err != nil {
				return fmt.Errorf("views of %q: %w", set, err)
			}
			days = append(days, daily{PostID: id, Day: day, Viewers: viewers})
		}
		return c.store.write(ctx, days)
	})
}

// Stats is how a post does.
type Stats struct {
	Views    int64 `json:"views" doc:"people who opened it, each once a day" example:"120"`
	Likes    int64 `json:"likes" example:"14"`
	Comments int64 `json:"comments" example:"3"`
	Saves    int64 `json:"saves" example:"5"`
	Days     []Day `json:"days" gorm:"-" doc:"the last 30 days on which somebody did, newest first"`
}

// SchemaName is its name in the OpenAPI document.
func (Stats) SchemaName() string { return "PostStats" }

// Day is one day in UTC.
type Day struct {
	Day   string `json:"day" format:"date" example:"2026-11-25"`
	Views int64  `json:"views" example:"12"`
}

// SchemaName is its name in the OpenAPI document.
func (Day) SchemaName() string { return "PostStatsDay" }

// Stats returns how the author's own post does, a minute late at most; posts.ErrNotFound where it is not theirs.
func (c *Counter) Stats(ctx context.Context, author, post uuid.UUID) (Stats, error) {
	stats, err := c.store.stats(ctx, author, post)
	if err != nil {
		return Stats{}, err
	}
	stats.Days, err = c.store.days(ctx, post, 30)
	return stats, err
}
