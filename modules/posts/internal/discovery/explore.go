package discovery

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/list"
	"atrium/modules/posts/internal/render"
	"atrium/platform/cache"
	"atrium/platform/page"
	"atrium/platform/tasks"
)

// How long an order is kept, so that who pages through it sees one: in PostgreSQL, and in the caches before it.
const (
	rankingKept  = 20 * time.Minute
	rankingLocal = time.Minute
	rankings     = 16 * cache.MB
)

// Explore lists public posts, what people like now first. All pages of one walk show the order of its first page, for at least 15
// minutes, on every instance; a walk that is older goes on in an order made anew.
func (s *Service) Explore(ctx context.Context, viewer uuid.UUID, q page.Query) (page.List[render.Card], error) {
	return s.pager.Page(ctx, q, list.List{Scope: page.Scope("posts.explore", viewer), Viewer: viewer, WithoutMuted: true, Source: s.ranking})
}

// ranking is the source of explore. A spot names the moment of its ranking and the place in it.
func (s *Service) ranking(ctx context.Context, after page.Position, n int) ([]page.Position, error) {
	if after.Rank == 0 {
		moment, err := s.moment(ctx)
		if err != nil {
			return nil, err
		}
		after.At = moment
	}
	ids, err := s.rankings.Load(ctx, after.At.UnixMicro(), func(ctx context.Context) ([]uuid.UUID, error) {
		return s.store.ranking(ctx, after.At)
	})
	if err != nil || after.Rank >= len(ids) {
		return nil, err
	}
	ids = ids[after.Rank:]
	spots := make([]page.Position, min(n, len(ids)))
	for i := range spots {
		spots[i] = page.Position{At: after.At, ID: ids[i], Rank: after.Rank + i + 1}
	}
	return spots, nil
}

// moment is the moment whose ranking is shown now: this second, or that of a post younger still, so that nobody waits for their own.
func (s *Service) moment(ctx context.Context) (time.Time, error) {
	newest, err := s.store.newestPublic(ctx)
	second := time.Now().UTC().Truncate(time.Second)
	if newest.After(second) {
		return newest.UTC(), err
	}
	return second, err
}

// Schedules keeps explore current.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "posts.trends", Every: 5 * time.Minute, Run: s.Refresh}}
}

// Refresh finds anew which older posts compete in explore, and forgets the orders of walks that have ended.
func (s *Service) Refresh(ctx context.Context) error {
	if err := s.store.findTrends(ctx); err != nil {
		return err
	}
	return s.store.forgetOrders(ctx, rankingKept)
}
