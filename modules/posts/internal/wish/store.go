package wish

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store reads what people keep.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

var faults = database.Faults{}

// wisher is somebody who keeps the product itself, or rooms that it is pinned in: of those the newest 20.
type wisher struct {
	PersonID uuid.UUID
	Kept     bool
	Rooms    []uuid.UUID `gorm:"serializer:json"`
}

// wishers returns the next n people by their ids.
func (s *Store) wishers(ctx context.Context, product, after uuid.UUID, n int) ([]wisher, error) {
	var rows []wisher
	err := s.db.Conn(ctx).Raw(`
		WITH rooms AS (
			SELECT DISTINCT t.post_id FROM post_product_tags t JOIN posts p ON p.id = t.post_id
			WHERE t.product_id = @product AND p.deleted_at IS NULL),
		wishes AS (
			SELECT b.owner_id AS person_id, NULL::uuid AS room FROM board_items i JOIN boards b ON b.id = i.board_id
			WHERE i.kind = 'product' AND i.item_id = @product
			UNION SELECT s.user_id, s.post_id FROM rooms JOIN post_saves s USING (post_id)
			UNION SELECT b.owner_id, i.post_id FROM rooms JOIN board_items i USING (post_id) JOIN boards b ON b.id = i.board_id)
		SELECT person_id, bool_or(room IS NULL) AS kept,
		       coalesce(array_to_json((array_agg(room ORDER BY room DESC) FILTER (WHERE room IS NOT NULL))[1:20]), '[]') AS rooms
		FROM wishes WHERE person_id > @after GROUP BY person_id ORDER BY person_id LIMIT @n`,
		map[string]any{"product": product, "after": after, "n": n}).Scan(&rows).Error
	return rows, faults.Translate(err, nil)
}
