package posts

import "github.com/google/uuid"

// Published: a post is there for those who may see it.
type Published struct {
	PostID     uuid.UUID   `json:"post_id"`
	AuthorID   uuid.UUID   `json:"author_id"`
	Visibility string      `json:"visibility"`
	Mentioned  []uuid.UUID `json:"mentioned,omitempty"`
}

// EventName is the event's name on the wire.
func (Published) EventName() string { return "posts.published.v1" }

// Edited: a post says something else, or is for others now. Mentioned are the people whom its caption names now, where the
// caption or the visibility changed: some may have been told before.
type Edited struct {
	PostID     uuid.UUID   `json:"post_id"`
	AuthorID   uuid.UUID   `json:"author_id"`
	Visibility string      `json:"visibility"`
	Mentioned  []uuid.UUID `json:"mentioned,omitempty"`
}

// EventName is the event's name on the wire.
func (Edited) EventName() string { return "posts.edited.v1" }

// Deleted: a post is gone from every surface.
type Deleted struct {
	PostID   uuid.UUID `json:"post_id"`
	AuthorID uuid.UUID `json:"author_id"`
}

// EventName is the event's name on the wire.
func (Deleted) EventName() string { return "posts.deleted.v1" }

// Restored: a deleted post is back, as it was.
type Restored struct {
	PostID   uuid.UUID `json:"post_id"`
	AuthorID uuid.UUID `json:"author_id"`
}

// EventName is the event's name on the wire.
func (Restored) EventName() string { return "posts.restored.v1" }

// Liked: UserID likes the post of AuthorID.
type Liked struct {
	PostID   uuid.UUID `json:"post_id"`
	AuthorID uuid.UUID `json:"author_id"`
	UserID   uuid.UUID `json:"user_id"`
}

// EventName is the event's name on the wire.
func (Liked) EventName() string { return "posts.liked.v1" }

// Unliked takes Liked back.
type Unliked struct {
	PostID   uuid.UUID `json:"post_id"`
	AuthorID uuid.UUID `json:"author_id"`
	UserID   uuid.UUID `json:"user_id"`
}

// EventName is the event's name on the wire.
func (Unliked) EventName() string { return "posts.unliked.v1" }

// Commented: UserID commented on the post of AuthorID; ParentUserID wrote the comment replied to, if any.
type Commented struct {
	CommentID    uuid.UUID   `json:"comment_id"`
	PostID       uuid.UUID   `json:"post_id"`
	AuthorID     uuid.UUID   `json:"author_id"`
	UserID       uuid.UUID   `json:"user_id"`
	ParentUserID uuid.UUID   `json:"parent_user_id"`
	Mentioned    []uuid.UUID `json:"mentioned,omitempty"`
}

// EventName is the event's name on the wire.
func (Commented) EventName() string { return "posts.commented.v1" }

// CommentEdited: UserID changed their comment. Mentioned are the people whom it names now: some may have been told before.
type CommentEdited struct {
	CommentID uuid.UUID   `json:"comment_id"`
	PostID    uuid.UUID   `json:"post_id"`
	UserID    uuid.UUID   `json:"user_id"`
	Mentioned []uuid.UUID `json:"mentioned,omitempty"`
}

// EventName is the event's name on the wire.
func (CommentEdited) EventName() string { return "posts.comment_edited.v1" }

// CommentDeleted: the comment of UserID is gone, by whoever may take it away.
type CommentDeleted struct {
	CommentID uuid.UUID `json:"comment_id"`
	PostID    uuid.UUID `json:"post_id"`
	UserID    uuid.UUID `json:"user_id"`
}

// EventName is the event's name on the wire.
func (CommentDeleted) EventName() string { return "posts.comment_deleted.v1" }
