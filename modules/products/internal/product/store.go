package product

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/database"
)

// Store reads products and variants, and locks them for changes.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Lock reads a product for a change, with everything that hangs on it, or returns products.ErrNotFound.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (*Product, error) {
	var locked []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM products WHERE id = ? AND deleted_at IS NULL FOR UPDATE`, id).Scan(&locked).Error
	if err != nil {
		return nil, err
	}
	if len(locked) == 0 {
		return nil, products.ErrNotFound
	}
	found, err := s.ByIDs(ctx, locked) // a statement of its own: it sees what was committed while this one waited
	return found[id], err
}

// LockForEdit locks a product that the editor may change. Somebody else's is products.ErrNotFound.
func (s *Store) LockForEdit(ctx context.Context, editor Editor, id uuid.UUID) (*Product, error) {
	p, err := s.Lock(ctx, id)
	if err != nil {
		return nil, err
	}
	if !editor.MayEdit(p) {
		return nil, products.ErrNotFound
	}
	return p, nil
}

// LockVariantForEdit is LockForEdit for the product of a variant; somebody else's variant is ErrVariantNotFound.
func (s *Store) LockVariantForEdit(ctx context.Context, editor Editor, variant uuid.UUID) error {
	v, err := s.Variant(ctx, variant)
	if err != nil {
		return err
	}
	_, err = s.LockForEdit(ctx, editor, v.ProductID)
	if errors.Is(err, products.ErrNotFound) {
		return ErrVariantNotFound
	}
	return err
}

// ByIDs reads products that are not deleted, with their variants, photos, tags and rating.
func (s *Store) ByIDs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Product, error) {
	if len(ids) == 0 {
		return map[uuid.UUID]*Product{}, nil
	}
	var rows []*Product
	err := s.db.Conn(ctx).Raw(`SELECT p.*, `+partsColumn+` AS parts FROM products p WHERE p.id = ANY(?) AND p.deleted_at IS NULL`,
		database.Array(ids)).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	byID := make(map[uuid.UUID]*Product, len(rows))
	for _, p := range rows {
		p.unpack()
		byID[p.ID] = p
	}
	return byID, nil
}

// partsColumn reads what belongs to product p as the JSON of parts, in the same round trip.
const partsColumn = `jsonb_build_object(
	'tags', (SELECT jsonb_agg(tag ORDER BY tag) FROM product_tags WHERE product_id = p.id),
	'materials', to_jsonb(p.materials),
	'photos', (SELECT jsonb_agg(photo_id ORDER BY position) FROM product_photos WHERE product_id = p.id),
	'suspended', ` + suspended + `,
	'rating', (SELECT jsonb_build_object('count', count, 'sum', sum) FROM product_ratings WHERE product_id = p.id AND count > 0),
	'variants', (SELECT jsonb_agg(to_jsonb(v) || jsonb_build_object('asked', price_now(v), 'lowest_before', price_lowest_before(v)) ORDER BY v.id) FROM product_variants v WHERE v.product_id = p.id AND v.deleted_at IS NULL))`

// suspended is the condition that the seller of product p is suspended.
const suspended = `EXISTS (SELECT 1 FROM product_sellers WHERE seller_id = p.seller_id AND suspended)`

// OnSale is the condition that product p is on sale, unless it is deleted.
const OnSale = `(p.status = 'active' AND NOT ` + suspended + `)`

// BySlug finds the product that has the slug, or had it before; current is false then. Or products.ErrNotFound.
func (s *Store) BySlug(ctx context.Context, slug string) (id uuid.UUID, current bool, err error) {
	var row struct {
		ID      uuid.UUID
		Current bool
	}
	err = s.db.Conn(ctx).Raw(`SELECT id, true AS current FROM products WHERE slug = ? AND deleted_at IS NULL
		UNION ALL SELECT product_id, false FROM product_slugs WHERE slug = ? ORDER BY current DESC LIMIT 1`, slug, slug).Scan(&row).Error
	if err == nil && row.ID == uuid.Nil {
		return uuid.Nil, false, products.ErrNotFound
	}
	return row.ID, row.Current, database.OrNotFound(err, products.ErrNotFound)
}

// Variant reads a variant that is not deleted, or returns ErrVariantNotFound.
func (s *Store) Variant(ctx context.Context, id uuid.UUID) (Variant, error) {
	var v Variant
	err := s.db.Conn(ctx).Take(&v, "id = ? AND deleted_at IS NULL", id).Error
	return v, database.OrNotFound(err, ErrVariantNotFound)
}
