package content

import (
	"context"
	"maps"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/visibility"
	"atrium/platform/cache"
)

// How long content stays in Redis and in this process. Every change drops it, and what may be seen is decided by the state beside it,
// so this bounds memory, not staleness.
const (
	sharedTTL  = 24 * time.Hour
	localTTL   = 5 * time.Minute
	localBytes = 64 * cache.MB
	stateBytes = 48 * cache.MB // of some 150,000: without its state a post is not shown, however near its content is
	// What moves on a post takes as much as its state. A build before does not drop it, so it lives for minutes.
	figuresBytes = stateBytes
	figuresTTL   = 10 * time.Minute
)

// Cache reads the content of posts. Safe for concurrent use.
type Cache struct {
	store    *Store
	policy   *visibility.Policy
	contents *cache.Space[uuid.UUID, *Content]
	figures  *cache.Space[uuid.UUID, Figures]
	before   *cache.Space[uuid.UUID, *Content] // of the build before, which has the figures in it: dropped for it, never read; goes with the next release
	states   *cache.Space[uuid.UUID, State]
}

// NewCache returns a cache before the store.
func NewCache(store *Store, policy *visibility.Policy, c *cache.Cache) *Cache {
	all := &Cache{store: store, policy: policy,
		contents: cache.NewSpace[uuid.UUID, *Content](c, "posts.content.5", sharedTTL, localTTL, localBytes),
		figures:  cache.NewSpace[uuid.UUID, Figures](c, "posts.figures", figuresTTL, localTTL, figuresBytes),
		before:   cache.NewSpace[uuid.UUID, *Content](c, "posts.content.4", sharedTTL, localTTL, cache.MB),
		states:   cache.NewSpace[uuid.UUID, State](c, "posts.state", cache.PermissionTTL, cache.PermissionTTL, stateBytes).RenewBy(1000, store.States)}
	all.contents.ReadWith(all.figures, all.states)
	return all
}

// Drop forgets posts after the transaction in ctx. Call it in whatever changes what a post says or who may see it.
func (c *Cache) Drop(ctx context.Context, ids ...uuid.UUID) {
	c.states.DropAfterCommit(ctx, ids...)
	c.contents.DropAfterCommit(ctx, ids...)
	c.before.DropAfterCommit(ctx, ids...)
}

// DropFigures forgets what moves on posts after the transaction in ctx.
func (c *Cache) DropFigures(ctx context.Context, ids ...uuid.UUID) {
	c.figures.DropAfterCommit(ctx, ids...)
	c.before.DropAfterCommit(ctx, ids...)
}

// Figures returns what moves on posts. Those that were purged are absent.
func (c *Cache) Figures(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Figures, error) {
	return c.figures.LoadMany(ctx, ids, c.store.Figures)
}

// Load returns what the posts say, deleted ones too, whoever may see them. Those that were purged are absent. What a post says is
// of the version, visibility and deletion that its state tells, however old the copy of it was.
func (c *Cache) Load(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Content, error) {
	var read map[uuid.UUID]*Content // just now, by this call: its state is known too
	contents, err := c.contents.LoadMany(ctx, ids, func(ctx context.Context, missing []uuid.UUID) (_ map[uuid.UUID]*Content, err error) {
		read, err = c.read(ctx, missing)
		return read, err
	})
	if err != nil {
		return nil, err
	}
	states, err := c.states.LoadMany(ctx, ids, func(ctx context.Context, missing []uuid.UUID) (map[uuid.UUID]State, error) {
		return c.readStates(ctx, missing, read)
	})
	if err != nil {
		return nil, err
	}
	var outdated []uuid.UUID
	for id, content := range contents {
		if state, known := states[id]; !known || state != content.State() {
			outdated = append(outdated, id)
		}
	}
	if len(outdated) == 0 {
		return contents, nil
	}
	return c.renew(ctx, contents, outdated)
}

// read reads contents, and the figures that are not near by the same statement. The copies of both are asked for before it: what is read
// after that may be kept.
func (c *Cache) read(ctx context.Context, ids []uuid.UUID) (contents map[uuid.UUID]*Content, err error) {
	_, err = c.figures.LoadMany(ctx, ids, func(ctx context.Context, _ []uuid.UUID) (figures map[uuid.UUID]Figures, err error) {
		contents, figures, err = c.store.Contents(ctx, ids)
		return figures, err
	})
	if err == nil && contents == nil { // all figures were near
		contents, _, err = c.store.Contents(ctx, ids)
	}
	return contents, err
}

// readStates returns the states of posts, from their contents where those were read just now.
func (c *Cache) readStates(ctx context.Context, ids []uuid.UUID, read map[uuid.UUID]*Content) (map[uuid.UUID]State, error) {
	states := make(map[uuid.UUID]State, len(ids))
	var others []uuid.UUID
	for _, id := range ids {
		if content, ok := read[id]; ok {
			states[id] = content.State()
		} else {
			others = append(others, id)
		}
	}
	if len(others) == 0 {
		return states, nil
	}
	found, err := c.store.States(ctx, others)
	maps.Copy(states, found)
	return states, err
}

// renew reads the outdated anew: one of the copies, or both, missed a Drop.
func (c *Cache) renew(ctx context.Context, contents map[uuid.UUID]*Content, outdated []uuid.UUID) (map[uuid.UUID]*Content, error) {
	c.states.Drop(ctx, outdated...)
	c.contents.Drop(ctx, outdated...)
	read, err := c.contents.LoadMany(ctx, outdated, c.read)
	if err != nil {
		return nil, err
	}
	renewed := maps.Clone(contents)
	for _, id := range outdated {
		if content, ok := read[id]; ok {
			renewed[id] = content
		} else {
			delete(renewed, id)
		}
	}
	return renewed, nil
}

// Find returns what a post says if the viewer may see it, else posts.ErrNotFound.
func (c *Cache) Find(ctx context.Context, viewer, id uuid.UUID) (*Content, error) {
	found, err := c.FindVisible(ctx, viewer, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, posts.ErrNotFound
	}
	return found[0], nil
}

// FindVisible returns those of the posts that the viewer (uuid.Nil: nobody) may see now, in the order of ids.
func (c *Cache) FindVisible(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) ([]*Content, error) {
	found, err := c.Load(ctx, ids)
	if err != nil {
		return nil, err
	}
	relations, err := c.policy.Relations(ctx, viewer, Authors(found))
	if err != nil {
		return nil, err
	}
	visible := make([]*Content, 0, len(ids))
	for _, id := range ids {
		if content, ok := found[id]; ok && content.VisibleTo(relations) {
			visible = append(visible, content)
		}
	}
	return visible, nil
}

// Visible implements posts.Reader.
func (c *Cache) Visible(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]posts.Post, error) {
	visible, err := c.FindVisible(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]posts.Post, len(visible))
	for _, content := range visible {
		found[content.ID] = posts.Post{ID: content.ID, AuthorID: content.AuthorID, Caption: content.Caption, Visibility: content.Visibility}
	}
	return found, nil
}

// VisibleTo reports whether the one whose relations these are may see the post: it is not deleted, and its author lets them.
func (c *Content) VisibleTo(relations visibility.Relations) bool {
	return !c.Gone && relations.CanSeePost(c.AuthorID, c.Visibility)
}

// Authors returns the authors of the contents, each as often as there are posts of theirs.
func Authors(contents map[uuid.UUID]*Content) []uuid.UUID {
	all := make([]uuid.UUID, 0, len(contents))
	for _, content := range contents {
		all = append(all, content.AuthorID)
	}
	return all
}
