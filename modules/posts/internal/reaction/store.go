package reaction

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/database"
)

// kind is one of the two things that people do with posts, and where it is kept.
type kind struct{ table, counter string }

var (
	likes = kind{"post_likes", "like_count"}
	saves = kind{"post_saves", "save_count"}
)

// constraints are violated by a post that was purged in the same moment.
var constraints = database.Constraints{"post_likes_post": posts.ErrNotFound, "post_saves_post": posts.ErrNotFound}

// Like is a row of post_likes.
type Like struct {
	UserID    uuid.UUID
	CreatedAt time.Time
}

// Store keeps likes and saves.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db.WithConstraints(constraints)} }

// insert reports whether the row is new.
func (s *Store) insert(ctx context.Context, k kind, post, user uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec("INSERT INTO "+k.table+" (post_id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING", post, user)
	return done.RowsAffected == 1, done.Error
}

// delete reports whether there was a row.
func (s *Store) delete(ctx context.Context, k kind, post, user uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec("DELETE FROM "+k.table+" WHERE post_id = ? AND user_id = ?", post, user)
	return done.RowsAffected == 1, done.Error
}

// addToCount moves the post's counter by delta. It comes last in a transaction, since everybody who likes the post waits for this row.
func (s *Store) addToCount(ctx context.Context, k kind, post uuid.UUID, delta int) error {
	return s.db.Conn(ctx).Exec(
		"UPDATE posts SET "+k.counter+" = "+k.counter+" + ? WHERE id = ?", delta, post).Error
}

// likes returns likes of a post, newest first, after one.
func (s *Store) likes(ctx context.Context, post uuid.UUID, after Like, n int) ([]Like, error) {
	var rows []Like
	err := s.db.Conn(ctx).Raw(`
		SELECT user_id, created_at FROM post_likes
		WHERE post_id = ? AND (created_at, user_id) < (?, ?)
		ORDER BY created_at DESC, user_id DESC LIMIT ?`, post, after.CreatedAt, after.UserID, n).Scan(&rows).Error
	return rows, err
}
