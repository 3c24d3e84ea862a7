package feed

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/cache"
	"atrium/platform/database"
)

// Store reads timelines.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// newest returns the newest n posts of the authors after an entry, whoever may see them. Only the n authors whose own newest is among
// the newest can have one of them: of each author one entry of its index range is read, and more of those n alone.
func (s *Store) newest(ctx context.Context, authors []uuid.UUID, after cache.Entry, n int) ([]cache.Entry, error) {
	var entries []cache.Entry
	err := s.db.Conn(ctx).Raw(`
		WITH latest AS MATERIALIZED (
			SELECT a.id AS author_id
			FROM unnest(CAST(@authors AS uuid[])) AS a (id) CROSS JOIN LATERAL (
				SELECT created_at, id FROM posts
				WHERE author_id = a.id AND deleted_at IS NULL AND (created_at, id) < (@at, @id)
				ORDER BY created_at DESC, id DESC LIMIT 1) p
			ORDER BY p.created_at DESC, p.id DESC LIMIT @n)
		SELECT p.created_at AS at, p.id
		FROM latest CROSS JOIN LATERAL (
			SELECT created_at, id FROM posts
			WHERE author_id = latest.author_id AND deleted_at IS NULL AND (created_at, id) < (@at, @id)
			ORDER BY created_at DESC, id DESC LIMIT @n) p
		ORDER BY p.created_at DESC, p.id DESC LIMIT @n`,
		map[string]any{"authors": database.Array(authors), "at": after.At, "id": after.ID, "n": n}).Scan(&entries).Error
	return entries, err
}
