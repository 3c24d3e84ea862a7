// Package tag is what people do with hashtags besides reading them: follow one, and go on to its neighbours.
package tag

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/visibility"
	"atrium/platform/database"
	"atrium/platform/page"
	"atrium/platform/text"
)

// Tag is a hashtag as clients see it.
type Tag struct {
	Tag     string   `json:"tag" example:"japandi" doc:"as typed, in lower case, without #"`
	Related []string `json:"related" doc:"at most 10 hashtags that people use together with it, the most frequent first"`
	Viewer  Viewer   `json:"viewer"`
}

// Viewer is what the one who asks did with the hashtag.
type Viewer struct {
	IsFollowing bool `json:"is_following"`
}

// SchemaName is its name in the OpenAPI document.
func (Viewer) SchemaName() string { return "TagViewer" }

// followed is a hashtag that somebody follows, with the key that the list is in the order of.
type followed struct {
	Followed
	Key string `json:"key"`
}

// Followed is a hashtag that one follows.
type Followed struct {
	Tag        string    `json:"tag" example:"japandi"`
	FollowedAt time.Time `json:"followed_at"`
}

// SchemaName is its name in the OpenAPI document.
func (Followed) SchemaName() string { return "FollowedTag" }

const (
	mostFollowed = 1000 // by one person
	mostRelated  = 10
	relatedFrom  = 500 // of the newest public posts with the tag
)

// Service is what can be done with hashtags.
type Service struct {
	db     *database.DB
	store  *Store
	policy *visibility.Policy
	signer *page.Signer
}

func NewService(db *database.DB, store *Store, policy *visibility.Policy, signer *page.Signer) *Service {
	return &Service{db: db, store: store, policy: policy, signer: signer}
}

// Read returns a hashtag with its neighbours: those on posts that the viewer (uuid.Nil: nobody) may see. A tag that nobody used has
// none; posts.ErrTagNotFound for what cannot be a tag.
func (s *Service) Read(ctx context.Context, viewer uuid.UUID, typed string) (Tag, error) {
	tag, ok := text.ParseTag(typed)
	if !ok {
		return Tag{}, posts.ErrTagNotFound
	}
	following, err := s.store.follows(ctx, viewer, tag)
	if err != nil {
		return Tag{}, err
	}
	used, err := s.store.neighbours(ctx, tag, relatedFrom)
	if err != nil {
		return Tag{}, err
	}
	authors := make([]uuid.UUID, len(used))
	for i, u := range used {
		authors[i] = u.AuthorID
	}
	relations, err := s.policy.Relations(ctx, viewer, authors)
	if err != nil {
		return Tag{}, err
	}
	seen := slices.DeleteFunc(used, func(u neighbour) bool { return !relations.CanSeePost(u.AuthorID, posts.Public) })
	return Tag{Tag: tag.Text, Related: related(seen), Viewer: Viewer{IsFollowing: following}}, nil
}

// related puts the tags first that most people use, then those on most posts; the rest is order for its own sake.
func related(used []neighbour) []string {
	type use struct{ authors, posts int }
	uses := map[string]use{}
	for _, u := range used {
		was := uses[u.Tag]
		uses[u.Tag] = use{authors: was.authors + 1, posts: was.posts + u.Posts}
	}
	tags := slices.SortedFunc(maps.Keys(uses), func(a, b string) int {
		return cmp.Or(cmp.Compare(uses[b].authors, uses[a].authors), cmp.Compare(uses[b].posts, uses[a].posts), cmp.Compare(a, b))
	})
	return append([]string{}, tags[:min(len(tags), mostRelated)]...)
}

// Follow makes a person follow a hashtag; again is no error. posts.ErrTagNotFound for what cannot be a tag, posts.ErrTooManyTags for
// who follows a thousand already.
func (s *Service) Follow(ctx context.Context, user uuid.UUID, typed string) error {
	tag, ok := text.ParseTag(typed)
	if !ok {
		return posts.ErrTagNotFound
	}
	return s.store.follow(ctx, user, tag, mostFollowed)
}

// Unfollow ends that. A tag that one does not follow is no error.
func (s *Service) Unfollow(ctx context.Context, user uuid.UUID, typed string) error {
	tag, ok := text.ParseTag(typed)
	if !ok {
		return posts.ErrTagNotFound
	}
	return s.store.unfollow(ctx, user, tag)
}

// Following lists the hashtags that a person follows, the latest first.
func (s *Service) Following(ctx context.Context, user uuid.UUID, q page.Query) (page.List[Followed], error) {
	scope := page.Scope("posts.followed_tags", user)
	after := followed{Followed: Followed{FollowedAt: page.Newest.At}}
	if _, err := s.signer.OpenCursor(scope, q.Cursor, &after); err != nil {
		return page.List[Followed]{}, err
	}
	rows, err := s.store.following(ctx, user, after, q.Limit+1)
	if err != nil {
		return page.List[Followed]{}, err
	}
	return page.Cut(s.signer, scope, q.Limit, rows, func(f followed) Followed { return f.Followed }, func(f followed) any { return f }), nil
}
