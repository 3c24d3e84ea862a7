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

// add makes the person's row and counts it in the post, by one statement, and reports whether the row is new. Everybody who does the
// same to the post waits for its row until the transaction ends.
func (s *Store) add(ctx context.Context, k kind, post, user uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec(`
		WITH added AS (INSERT INTO `+k.table+` (post_id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING post_id)
		UPDATE posts p SET `+k.counter+` = p.`+k.counter+` + 1 FROM added WHERE p.id = added.post_id`, post, user)
	return done.RowsAffected == 1, done.Error
}

// remove is the opposite of add, and reports whether there was a row.
func (s *Store) remove(ctx context.Context, k kind, post, user uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec(`
		WITH gone AS (DELETE FROM `+k.table+` WHERE post_id = ? AND user_id = ? RETURNING post_id)
		UPDATE posts p SET `+k.counter+` = p.`+k.counter+` - 1 FROM gone WHERE p.id = gone.post_id`, post, user)
	return done.RowsAffected == 1, done.Error
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
