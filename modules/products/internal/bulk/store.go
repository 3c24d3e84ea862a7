package bulk

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/platform/database"
)

// Store reads what imports and exports look for.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// BySKU finds a variant that is not deleted by its SKU, or else by the SKU as it is kept; there is false for none.
func (s *Store) BySKU(ctx context.Context, sku, kept string) (v product.Variant, there bool, err error) {
	var rows []product.Variant
	err = s.db.Conn(ctx).Limit(2).Find(&rows, "sku IN (?, ?) AND deleted_at IS NULL", sku, kept).Error
	if err != nil || len(rows) == 0 {
		return v, false, err
	}
	if i := slices.IndexFunc(rows, func(v product.Variant) bool { return v.SKU == sku }); i > 0 {
		return rows[i], true, nil
	}
	return rows[0], true, nil
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
