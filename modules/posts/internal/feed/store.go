package feed

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/card"
	"atrium/platform/database"
)

var faults = database.Faults{}

// Store reads timelines.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

// newest returns the newest posts of the authors after a spot and younger than since: n from each author's own index range, then the
// newest n of those. What an author keeps private is only for the viewer who is the author.
func (s *Store) newest(ctx context.Context, viewer uuid.UUID, authors []uuid.UUID, after card.Spot, since time.Time, n int) ([]card.Spot, error) {
	var spots []card.Spot
	err := s.db.Conn(ctx).Raw(`
		SELECT p.created_at AS at, p.id
		FROM unnest(CAST(@authors AS uuid[])) AS a (id) CROSS JOIN LATERAL (
			SELECT created_at, id FROM posts
			WHERE author_id = a.id AND deleted_at IS NULL AND (created_at, id) < (@at, @id) AND created_at > @since
			  AND (visibility <> 'private' OR a.id = @viewer)
			ORDER BY created_at DESC, id DESC LIMIT @n) p
		ORDER BY p.created_at DESC, p.id DESC LIMIT @n`,
		map[string]any{"authors": database.Array(authors), "at": after.At, "id": after.ID, "since": since, "viewer": viewer, "n": n}).
		Scan(&spots).Error
	return spots, faults.Translate(err, nil)
}
