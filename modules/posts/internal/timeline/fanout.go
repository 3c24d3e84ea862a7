package timeline

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/tasks"
)

const (
	// sharedTTL and localTTL are how long the lists of pulled authors stay in the caches; a new post drops them.
	sharedTTL = 6 * time.Hour
	localTTL  = time.Minute
	// localBytes is how much of those lists this process keeps.
	localBytes = 32 * cache.MB
	// batchSize is how many followers are asked for at once.
	batchSize = 1000
)

// everyone is the one key of FanOut.pulled.
const everyone = "all"

// FanOut brings posts into timelines. An author with at most push_up_to followers is pushed: what they publish is written into each
// follower's timeline. The others are pulled: readers fetch their newest posts.
type FanOut struct {
	pushUpTo  int
	store     *Store
	graph     users.Graph
	timelines *Timelines
	pulled    *cache.Space[string, database.IDs]     // all pulled authors, under everyone
	newest    *cache.Space[uuid.UUID, []cache.Entry] // the newest posts of each of them
}

// NewFanOut returns a fan-out.
func NewFanOut(cfg posts.Config, store *Store, graph users.Graph, timelines *Timelines, c *cache.Cache) *FanOut {
	return &FanOut{
		pushUpTo: cfg.PushUpTo, store: store, graph: graph, timelines: timelines,
		pulled: cache.NewSpace[string, database.IDs](c, "posts.pulled_authors", sharedTTL, localTTL, 4*cache.MB),
		newest: cache.NewSpace[uuid.UUID, []cache.Entry](c, "posts.author", sharedTTL, localTTL, localBytes),
	}
}

// Handlers is the fan-out's background work.
func Handlers(f *FanOut) []tasks.Handler {
	return []tasks.Handler{
		tasks.Effect("posts.feed_published", func(ctx context.Context, _ uuid.UUID, e posts.Published) error {
			return f.Push(ctx, e.PostID, e.AuthorID)
		}),
		tasks.Effect("posts.feed_restored", func(ctx context.Context, _ uuid.UUID, e posts.Restored) error {
			return f.Push(ctx, e.PostID, e.AuthorID)
		}),
	}
}

// Push brings a post into the timelines of the author's followers, batch by batch. Idempotent. An author who turns out to have too
// many is pulled from then on, however many leave them: the timelines lack what came meanwhile.
func (f *FanOut) Push(ctx context.Context, post, author uuid.UUID) error {
	entry, there, err := f.store.entry(ctx, post)
	if err != nil || !there {
		return err
	}
	f.newest.Drop(ctx, author)
	pulled, err := f.Pulled(ctx)
	if err != nil || pulled.Has(author) {
		return err
	}
	for pushed, after := 0, uuid.Nil; ; {
		followers, err := f.graph.Followers(ctx, author, after, batchSize)
		if err != nil {
			return err
		}
		if pushed += len(followers); pushed > f.pushUpTo {
			return f.pull(ctx, author)
		}
		if err := f.timelines.Push(ctx, followers, entry); err != nil {
			return err
		}
		if len(followers) < batchSize {
			return nil
		}
		after = followers[len(followers)-1]
	}
}

func (f *FanOut) pull(ctx context.Context, author uuid.UUID) error {
	if err := f.store.pull(ctx, author); err != nil {
		return err
	}
	f.pulled.Drop(ctx, everyone)
	return nil
}

// Pulled returns all pulled authors, ascending.
func (f *FanOut) Pulled(ctx context.Context) (database.IDs, error) {
	return f.pulled.Load(ctx, everyone, f.store.pulled)
}

// Newest returns the newest posts of each of the authors, as many as a timeline has, newest first.
func (f *FanOut) Newest(ctx context.Context, authors []uuid.UUID) (map[uuid.UUID][]cache.Entry, error) {
	return f.newest.LoadMany(ctx, authors, func(ctx context.Context, authors []uuid.UUID) (map[uuid.UUID][]cache.Entry, error) {
		return f.store.newestOf(ctx, authors, f.timelines.Most())
	})
}
