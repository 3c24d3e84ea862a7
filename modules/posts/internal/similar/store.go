package similar

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
	"atrium/platform/database"
	"atrium/platform/text"
)

// Store reads what posts have in common.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// traits are what posts are compared by, besides colours.
type traits struct {
	ID          uuid.UUID
	Room, Style *string
	Tags        []string    `gorm:"serializer:json"`
	Products    []uuid.UUID `gorm:"serializer:json"`
}

func traitsOf(c *content.Content) traits {
	t := traits{ID: c.ID, Room: c.Room, Style: c.Style}
	for _, tag := range c.Tags {
		t.Tags = append(t.Tags, text.Fold(tag))
	}
	for _, photo := range c.Photos {
		for _, pin := range photo.Pins {
			if pin.ProductID != nil && !slices.Contains(t.Products, *pin.ProductID) {
				t.Products = append(t.Products, *pin.ProductID)
			}
		}
	}
	return t
}

// related returns the youngest posts with each of the hashtags, with each of the products, and of the style and the room.
func (s *Store) related(ctx context.Context, t traits, each int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`
		SELECT p.post_id FROM unnest(CAST(@tags AS text[])) AS t (tag) CROSS JOIN LATERAL (
			SELECT post_id FROM post_tags WHERE tag = t.tag ORDER BY post_id DESC LIMIT @each) p WHERE p.post_id <> @id
		UNION SELECT p.post_id FROM unnest(CAST(@products AS uuid[])) AS t (id) CROSS JOIN LATERAL (
			SELECT post_id FROM post_product_tags WHERE product_id = t.id ORDER BY post_id DESC LIMIT @each) p WHERE p.post_id <> @id
		UNION SELECT id FROM (
			SELECT id FROM posts WHERE style = @style AND (CAST(@room AS text) IS NULL OR room = @room) AND deleted_at IS NULL AND visibility = 'public'
			ORDER BY created_at DESC, id DESC LIMIT @each) p WHERE id <> @id`,
		map[string]any{"id": t.ID, "tags": database.Array(t.Tags), "products": database.Array(t.Products), "style": t.Style, "room": t.Room, "each": each}).
		Scan(&ids).Error
	return ids, err
}

// traits returns those of public posts.
func (s *Store) traits(ctx context.Context, ids []uuid.UUID) ([]traits, error) {
	var rows []traits
	err := s.db.Conn(ctx).Raw(`
		SELECT p.id, p.room, p.style,
		       (SELECT coalesce(json_agg(t.tag ORDER BY t.position), '[]') FROM post_tags t WHERE t.post_id = p.id) AS tags,
		       (SELECT coalesce(json_agg(DISTINCT g.product_id), '[]') FROM post_product_tags g
		        WHERE g.post_id = p.id AND g.product_id IS NOT NULL) AS products
		FROM posts p WHERE p.id = ANY(?) AND p.deleted_at IS NULL AND p.visibility = 'public'`, database.Array(ids)).Scan(&rows).Error
	return rows, err
}
