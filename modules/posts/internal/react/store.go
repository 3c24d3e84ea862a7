package react

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/platform/database"
)

// kind is one of the two things that people do with posts, and where it is kept.
type kind struct{ table, counter string }

var (
	likes = kind{"post_likes", "like_count"}
	saves = kind{"post_saves", "save_count"}
)

// faults: a post that was purged in the same moment.
var faults = database.Faults{"post_likes_post": posts.ErrNotFound, "post_saves_post": posts.ErrNotFound}

// Like is a row of post_likes.
type Like struct {
	UserID    uuid.UUID
	CreatedAt time.Time
}

// Store keeps likes and saves.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

// put reports whether the row is new.
func (s *Store) put(ctx context.Context, k kind, post, user uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec("INSERT INTO "+k.table+" (post_id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING", post, user)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// take reports whether there was a row.
func (s *Store) take(ctx context.Context, k kind, post, user uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec("DELETE FROM "+k.table+" WHERE post_id = ? AND user_id = ?", post, user)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// move moves the post's counter. It comes last in a transaction, since everybody who likes the post waits for this row.
func (s *Store) move(ctx context.Context, k kind, post uuid.UUID, delta int) error {
	return faults.Translate(s.db.Conn(ctx).Exec(
		"UPDATE posts SET "+k.counter+" = "+k.counter+" + ? WHERE id = ?", delta, post).Error, nil)
}

// likes returns likes of a post, newest first, after one.
func (s *Store) likes(ctx context.Context, post uuid.UUID, after Like, n int) ([]Like, error) {
	var rows []Like
	err := s.db.Conn(ctx).Raw(`
		SELECT user_id, created_at FROM post_likes
		WHERE post_id = ? AND (created_at, user_id) < (?, ?)
		ORDER BY created_at DESC, user_id DESC LIMIT ?`, post, after.CreatedAt, after.UserID, n).Scan(&rows).Error
	return rows, faults.Translate(err, nil)
}

// saved returns what a person saved, newest first, after a spot.
func (s *Store) saved(ctx context.Context, user uuid.UUID, after card.Spot, n int) ([]card.Spot, error) {
	var spots []card.Spot
	err := s.db.Conn(ctx).Raw(`
		SELECT created_at AS at, post_id AS id FROM post_saves
		WHERE user_id = ? AND (created_at, post_id) < (?, ?)
		ORDER BY created_at DESC, post_id DESC LIMIT ?`, user, after.At, after.ID, n).Scan(&spots).Error
	return spots, faults.Translate(err, nil)
}
