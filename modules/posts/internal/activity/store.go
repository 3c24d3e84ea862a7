package activity

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/database"
)

// Store reads what people do with posts. It writes nothing.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// written is what somebody wrote: a comment, or a post's caption, of which the rest is empty.
type written struct {
	ID, PostID, AuthorID, PostAuthorID uuid.UUID
	ParentAuthorID                     *uuid.UUID
	Text                               string
}

func (s *Store) likes(ctx context.Context, asked []posts.Like) (found []posts.Like, err error) {
	ids, people := make([]uuid.UUID, len(asked)), make([]uuid.UUID, len(asked))
	for i, like := range asked {
		ids[i], people[i] = like.PostID, like.UserID
	}
	err = s.db.Conn(ctx).Raw(`
		SELECT l.post_id, l.user_id FROM unnest(?::uuid[], ?::uuid[]) AS a (post_id, user_id)
		JOIN post_likes l ON l.post_id = a.post_id AND l.user_id = a.user_id
		JOIN posts p ON p.id = l.post_id AND p.deleted_at IS NULL`, database.Array(ids), database.Array(people)).Scan(&found).Error
	return found, err
}

func (s *Store) comments(ctx context.Context, ids []uuid.UUID) (found []written, err error) {
	err = s.db.Conn(ctx).Raw(`
		SELECT c.id, c.post_id, c.author_id, p.author_id AS post_author_id, r.author_id AS parent_author_id, c.text
		FROM post_comments c
		JOIN posts p ON p.id = c.post_id AND p.deleted_at IS NULL
		LEFT JOIN post_comments r ON r.id = c.parent_id
		WHERE c.id = ANY(?) AND c.deleted_at IS NULL`, database.Array(ids)).Scan(&found).Error
	return found, err
}

func (s *Store) captions(ctx context.Context, ids []uuid.UUID) (found []written, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT id, author_id, caption AS text FROM posts WHERE id = ANY(?) AND deleted_at IS NULL`,
		database.Array(ids)).Scan(&found).Error
	return found, err
}
