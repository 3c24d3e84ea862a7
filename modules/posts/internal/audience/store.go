package audience

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// batch is how many posts are looked at in one transaction: few, since whoever likes one of them waits for its end.
const batch = 25

// Store finds the photos.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// public returns the next of the author's living public posts, locked, so that none becomes private meanwhile.
func (s *Store) public(ctx context.Context, author, after uuid.UUID) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`
		SELECT id FROM posts WHERE author_id = ? AND visibility = 'public' AND deleted_at IS NULL AND id > ?
		ORDER BY id LIMIT ? FOR SHARE`, author, after, batch).Scan(&ids).Error
	return ids, err
}

// photos returns the photos of the posts.
func (s *Store) photos(ctx context.Context, posts []uuid.UUID) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT photo_id FROM post_images WHERE post_id = ANY(?)`, database.Array(posts)).Scan(&ids).Error
	return ids, err
}
