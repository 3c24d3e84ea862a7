package feed

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/tasks"
)

// step is how many followers are asked for at once.
const step = 1000

// Handlers is the feed's background work.
func Handlers(f *Feed) []tasks.Handler {
	return []tasks.Handler{
		tasks.Effect("posts.feed_published", func(ctx context.Context, _ uuid.UUID, e posts.Published) error {
			return f.Spread(ctx, e.PostID, e.AuthorID)
		}),
		tasks.Effect("posts.feed_restored", func(ctx context.Context, _ uuid.UUID, e posts.Restored) error {
			return f.Spread(ctx, e.PostID, e.AuthorID)
		}),
	}
}

// Spread brings a post into the feeds of the author's followers, batch by batch; doing it again changes nothing. An author who
// turns out to have too many is pulled from then on: readers fetch their posts. It stays so, whoever leaves them: the timelines
// lack what came meanwhile.
func (f *Feed) Spread(ctx context.Context, post, author uuid.UUID) error {
	entry, there, err := f.store.find(ctx, post)
	if err != nil || !there {
		return err
	}
	f.authors.Drop(ctx, author)
	pulled, err := f.pulled.Load(ctx, everyone, f.store.pulled)
	if err != nil || pulled.Has(author) {
		return err
	}
	for pushed, after := 0, uuid.Nil; ; {
		followers, err := f.graph.Followers(ctx, author, after, step)
		if err != nil {
			return err
		}
		if pushed += len(followers); pushed > f.pushUpTo {
			return f.pull(ctx, author)
		}
		if err := f.timelines.Push(ctx, followers, entry); err != nil {
			return err
		}
		if len(followers) < step {
			return nil
		}
		after = followers[len(followers)-1]
	}
}

func (f *Feed) pull(ctx context.Context, author uuid.UUID) error {
	if err := f.store.pull(ctx, author); err != nil {
		return err
	}
	f.pulled.Drop(ctx, everyone)
	return nil
}
