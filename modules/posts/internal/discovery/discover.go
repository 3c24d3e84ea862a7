// Package discovery is how people find posts beyond their feed: profiles, explore, hashtags, search, rooms with a product.
package discovery

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/list"
	"atrium/modules/posts/internal/palette"
	"atrium/modules/posts/internal/render"
	"atrium/modules/posts/internal/visibility"
	"atrium/modules/posts/internal/words"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/page"
	"atrium/platform/text"
)

// Service makes lists of posts. Safe for concurrent use.
type Service struct {
	cfg       posts.Config
	store     *Store
	pager     *list.Pager
	policy    *visibility.Policy
	people    users.Directory
	catalogue products.Catalogue
	palettes  *palette.Search
	rankings  *cache.Space[int64, []uuid.UUID]
}

// NewService returns a service.
func NewService(cfg posts.Config, store *Store, pager *list.Pager, policy *visibility.Policy, people users.Directory, catalogue products.Catalogue,
	palettes *palette.Search, c *cache.Cache) *Service {
	return &Service{cfg: cfg, store: store, pager: pager, policy: policy, people: people, catalogue: catalogue, palettes: palettes,
		rankings: cache.NewSpace[int64, []uuid.UUID](c, "posts.ranking.2", rankingKept, rankingLocal, rankings)}
}

// ByUser lists a person's posts, newest first. Of a private account only its followers see any; users.ErrNotFound where the
// person is hidden.
func (s *Service) ByUser(ctx context.Context, viewer uuid.UUID, user string, q page.Query) (page.List[render.Card], error) {
	author, err := s.people.Resolve(ctx, user)
	if err != nil {
		return page.List[render.Card]{}, err
	}
	relations, err := s.policy.Relations(ctx, viewer, []uuid.UUID{author})
	if err != nil {
		return page.List[render.Card]{}, err
	}
	if !relations.CanSeePerson(author) {
		return page.List[render.Card]{}, users.ErrNotFound
	}
	seen := []string{}
	for _, visibility := range []string{posts.Public, posts.Followers, posts.Private} {
		if relations.CanSeePost(author, visibility) {
			seen = append(seen, visibility)
		}
	}
	return s.pager.Page(ctx, q, list.List{Scope: page.Scope("posts.by_user", viewer, author.String()), Viewer: viewer,
		Source: func(ctx context.Context, after page.Position, n int) ([]page.Position, error) {
			return s.store.byAuthor(ctx, author, seen, after, n)
		}})
}

// Tagged lists posts with a hashtag, newest first. A tag that nobody used, or that cannot be one, has none.
func (s *Service) Tagged(ctx context.Context, viewer uuid.UUID, tag string, q page.Query) (page.List[render.Card], error) {
	parsed, _ := text.ParseTag(tag)
	return s.pager.Page(ctx, q, list.List{Scope: page.Scope("posts.tagged", viewer, parsed.Key), Viewer: viewer,
		Source: func(ctx context.Context, after page.Position, n int) ([]page.Position, error) {
			return s.store.tagged(ctx, words.TagForms(parsed), after, n)
		}})
}

// Showing lists posts with a product pinned on them, those that most people saved first; products.ErrNotFound where there is no such product.
func (s *Service) Showing(ctx context.Context, viewer uuid.UUID, product string, q page.Query) (page.List[render.Card], error) {
	id, err := s.catalogue.Resolve(ctx, product)
	if err != nil {
		return page.List[render.Card]{}, err
	}
	return s.pager.Page(ctx, q, list.List{Scope: page.Scope("posts.showing", viewer, id.String()), Viewer: viewer,
		Source: func(ctx context.Context, after page.Position, n int) ([]page.Position, error) {
			return s.store.showing(ctx, id, after, n)
		}})
}

// Saved lists what the person saved and may still see, the newest save first.
func (s *Service) Saved(ctx context.Context, user uuid.UUID, q page.Query) (page.List[render.Card], error) {
	return s.pager.Page(ctx, q, list.List{Scope: page.Scope("posts.saves", user), Viewer: user,
		Source: func(ctx context.Context, after page.Position, n int) ([]page.Position, error) {
			return s.store.saved(ctx, user, after, n)
		}})
}
