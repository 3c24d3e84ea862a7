// Package posts is where people show their rooms: posts with photos and pinned products, likes, saves and comments,
// and the feed made of them.
package posts

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/fault"
)

var (
	// ErrNotFound: no such post, or one that the viewer may not see.
	ErrNotFound = fault.NotFound("posts.not_found", "There is no such post.")
	// ErrCommentNotFound: no such comment, or one below a post that the viewer may not see.
	ErrCommentNotFound = fault.NotFound("posts.comment_not_found", "There is no such comment.")
	// ErrInvalid: a value of a post or comment is wrong; its fields say which and why.
	ErrInvalid = fault.Invalid("posts.invalid", "Something in the request is wrong.")
	// ErrDraftNotFound: no such draft, or somebody else's, or one that was published.
	ErrDraftNotFound = fault.NotFound("posts.draft_not_found", "There is no such draft.")
	// ErrDraftPublished: the draft is a post already; its detail post_id names it.
	ErrDraftPublished = fault.Conflict("posts.draft_published", "This draft was published.")
	// ErrTooManyDrafts: the author has 100 drafts.
	ErrTooManyDrafts = fault.Conflict("posts.too_many_drafts", "There are too many drafts: publish or delete some.")
	// ErrBoardNotFound: no such board, or one that the viewer may not see.
	ErrBoardNotFound = fault.NotFound("posts.board_not_found", "There is no such board.")
	// ErrBoardFull: the board has 500 items.
	ErrBoardFull = fault.Conflict("posts.board_full", "This board is full.")
	// ErrTooManyBoards: the person has 200 boards.
	ErrTooManyBoards = fault.Conflict("posts.too_many_boards", "There are too many boards: delete some.")
	// ErrCountsHidden: the author keeps the post's figures, and who likes it, to themselves.
	ErrCountsHidden = fault.Forbidden("posts.counts_hidden", "The author keeps who likes this post to themselves.")
	// ErrCommentsClosed: the author takes no comments on the post, or only those of followers.
	ErrCommentsClosed = fault.Forbidden("posts.comments_closed", "The author does not take comments from you on this post.")
	// ErrCommentRefused: the comment has a word that the author does not want below their posts.
	ErrCommentRefused = fault.Invalid("posts.comment_refused", "The author does not take comments like this one.")
	// ErrTagNotFound: what is in the path cannot be a hashtag.
	ErrTagNotFound = fault.NotFound("posts.tag_not_found", "That cannot be a hashtag.")
	// ErrTooManyTags: the person follows as many hashtags as one can.
	ErrTooManyTags = fault.Conflict("posts.too_many_tags", "You follow very many hashtags. Let go of one first.")
	// ErrEditClosed: the comment is too old to be edited.
	ErrEditClosed = fault.Conflict("posts.comment_edit_closed", "This comment is too old to be edited.")
)

// Who a post is for.
const (
	Public    = "public"    // everybody; of a private account: its followers
	Followers = "followers" // those who follow the author
	Private   = "private"   // the author
)

// Who may comment on a post, besides its author.
const (
	CommentsEveryone  = "everyone"  // all who may see it
	CommentsFollowers = "followers" // those of them who follow the author
	CommentsOff       = "off"       // nobody
)

// Config is what can be set about posts. Clients find the two vocabularies in GET /v1/config.
type Config struct {
	Rooms         []string      `koanf:"rooms" validate:"min=1,unique,dive,min=1,max=40"`
	Styles        []string      `koanf:"styles" validate:"min=1,unique,dive,min=1,max=40"`
	UndoWindow    time.Duration `koanf:"undo_window" validate:"min=1s,max=24h"`         // how long a deleted post can be restored
	CommentWindow time.Duration `koanf:"comment_edit_window" validate:"min=1s,max=24h"` // how long a comment can be edited
	PushUpTo      int           `koanf:"push_up_to" validate:"min=0"`                   // followers of an author whose posts are written into each one's feed; beyond, readers fetch them
}

// Post is what other modules may know of a post.
type Post struct {
	ID         uuid.UUID
	AuthorID   uuid.UUID
	Caption    string
	Visibility string // public, followers, private
}

// Reader looks posts up.
type Reader interface {
	// Visible returns those of the posts that the viewer (uuid.Nil: nobody) may see now.
	Visible(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]Post, error)
}

// ByVisibility are how many living posts a person has, by who may see them.
type ByVisibility struct {
	Public    int64 `json:"public"`
	Followers int64 `json:"followers"`
	Private   int64 `json:"private"`
}

// SeenBy returns how many of the posts somebody sees; maySee tells whether they may see those of a visibility.
func (c ByVisibility) SeenBy(maySee func(visibility string) bool) (seen int64) {
	for visibility, n := range map[string]int64{Public: c.Public, Followers: c.Followers, Private: c.Private} {
		if maySee(visibility) {
			seen += n
		}
	}
	return seen
}

// Total returns how many posts there are, as their author sees it.
func (c ByVisibility) Total() int64 { return c.Public + c.Followers + c.Private }

// Counts counts posts. Its answers are cached.
type Counts interface {
	// CountByAuthor returns how many living posts each of the authors has. Every id has an answer.
	CountByAuthor(ctx context.Context, authors []uuid.UUID) (map[uuid.UUID]ByVisibility, error)
}

// Tastes knows who shows what a person likes.
type Tastes interface {
	// Alike returns up to n authors of public posts in the styles and with the hashtags that the person liked, saved, posted or
	// followed most of late, each with how many such posts are among the newest. It does not look at accounts: neither at blocks
	// nor at whether an author is private.
	Alike(ctx context.Context, person uuid.UUID, n int) (map[uuid.UUID]int64, error)
}

// Wishes knows who would like to have a product.
type Wishes interface {
	// Wishers returns people, by their ids, who keep the product on a board, or who saved, or keep on a board, a post that it is pinned
	// in and that they may see now. It looks at up to n people after the one given (uuid.Nil: from the first); last is the one to go on
	// after, uuid.Nil where nobody is left.
	Wishers(ctx context.Context, product, after uuid.UUID, n int) (people []uuid.UUID, last uuid.UUID, err error)
}
