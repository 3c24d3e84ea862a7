package bulk

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/platform/database"
)

// Store reads what imports and exports look for.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// VariantsBySKU reads variants that are not deleted.
func (s *Store) VariantsBySKU(ctx context.Context, skus []string) (rows []product.Variant, err error) {
	err = s.db.Conn(ctx).Find(&rows, "sku = ANY(?) AND deleted_at IS NULL", database.Array(skus)).Error
	return rows, err
}

// Slugs reads whose slugs are taken. What had one before, and has another now, is the nil id.
func (s *Store) Slugs(ctx context.Context, slugs []string) (map[string]uuid.UUID, error) {
	var rows []struct {
		Slug string
		ID   uuid.UUID
	}
	err := s.db.Conn(ctx).Raw(`SELECT slug, '00000000-0000-0000-0000-000000000000'::uuid AS id FROM product_slugs WHERE slug = ANY(?)
		UNION ALL SELECT slug, id FROM products WHERE slug = ANY(?) AND deleted_at IS NULL`, database.Array(slugs), database.Array(slugs)).Scan(&rows).Error
	taken := make(map[string]uuid.UUID, len(rows))
	for _, row := range rows {
		if row.ID != uuid.Nil || taken[row.Slug] == uuid.Nil {
			taken[row.Slug] = row.ID
		}
	}
	return taken, err
}

// Categories reads the slugs of all categories.
func (s *Store) Categories(ctx context.Context) (slugs []string, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT slug FROM categories`).Scan(&slugs).Error
	return slugs, err
}

// Lock keeps products that the editor may change as they are until the transaction ends, and then variants, each in the order of ids.
func (s *Store) Lock(ctx context.Context, editor product.Editor, ids, variants []uuid.UUID) error {
	conn, seller := s.db.Conn(ctx), editor.ID
	err := conn.Exec(`SELECT FROM products WHERE id = ANY(?) AND deleted_at IS NULL AND (? OR seller_id = ?) ORDER BY id FOR UPDATE`,
		database.Array(ids), editor.Admin, seller).Error
	if err != nil {
		return err
	}
	return conn.Exec(`SELECT FROM product_variants v WHERE id = ANY(?) AND (? OR EXISTS (SELECT FROM products WHERE id = v.product_id AND seller_id = ?))
		ORDER BY id FOR UPDATE`, database.Array(variants), editor.Admin, seller).Error
}

// Owned reads ids of products, ascending, after one (the nil id: from the start): a seller's, or everybody's.
func (s *Store) Owned(ctx context.Context, seller *uuid.UUID, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	query := s.db.Conn(ctx).Model(&product.Product{}).Where("id > ? AND deleted_at IS NULL", after)
	if seller != nil {
		query = query.Where("seller_id = ?", *seller)
	}
	err := query.Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, err
}
