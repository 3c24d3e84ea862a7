package posts

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/fault"
)

// ErrOff: posts is switched off, so nobody can say what people do with posts.
var ErrOff = fault.Unavailable("posts.off", "Posts are switched off.")

// Like is one person's like of a post.
type Like struct{ PostID, UserID uuid.UUID }

// Comment is a comment that is there, and the people whom it concerns.
type Comment struct {
	ID             uuid.UUID
	PostID         uuid.UUID
	AuthorID       uuid.UUID
	PostAuthorID   uuid.UUID
	ParentAuthorID uuid.UUID   // who wrote the comment replied to; uuid.Nil: it is no reply
	Mentioned      []uuid.UUID // whom it names now, without its author
}

// Activity knows what people do with posts as PostgreSQL has it at this moment, never from a copy. It does not look at who may see a
// post: Reader does. Whatever is about a deleted post is not there. One statement serves a call, however much it asks.
type Activity interface {
	// Likes returns those of the likes that are there.
	Likes(ctx context.Context, likes []Like) (map[Like]bool, error)
	// Comments returns those of the comments that are there.
	Comments(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Comment, error)
	// Mentions returns whom the captions of those of the posts that are there name now, without their authors.
	Mentions(ctx context.Context, posts []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error)
}
