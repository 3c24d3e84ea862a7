package internal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/database"
)

// Store and its siblings store_*.go are the only files of the module that speak to the database.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

var faults = database.Faults{
	"products_slug_key":           errSlugTaken,
	"product_variants_sku_key":    errSKUTaken,
	"products_category":           errCategory,
	"categories_pkey":             errCategoryTaken,
	"product_variants_on_hand":    errStockTooLow,
	"product_variants_reserved":   errStockTooLow,
	"product_variants_compare_at": errCompareAt,
	"product_variants_sale":       errSale,
}

// categoryFaults are those of removing a category: what refers to it speaks of another mistake there.
var categoryFaults = database.Faults{"products_category": errCategoryInUse, "categories_parent": errCategoryInUse}

// Insert writes a new product with its tags, photos and listing.
func (s *Store) Insert(ctx context.Context, p *Product) error {
	if err := faults.Translate(s.db.Conn(ctx).Create(p).Error, nil); err != nil {
		return err
	}
	return s.writeParts(ctx, p)
}

// Update writes a product back, one version on, with its tags, photos and listing.
func (s *Store) Update(ctx context.Context, p *Product) error {
	p.Version++
	p.UpdatedAt = s.db.Conn(ctx).NowFunc()
	err := s.db.Conn(ctx).Select("*").Omit("id", "created_at", "price_amount", "price_currency").Updates(p).Error
	if err := faults.Translate(err, nil); err != nil {
		return err
	}
	return s.writeParts(ctx, p)
}

// writeParts writes what hangs on a product: tags, photos, and its listing.
func (s *Store) writeParts(ctx context.Context, p *Product) error {
	for _, statement := range []struct {
		sql    string
		values []any
	}{
		{`UPDATE products SET materials = ? WHERE id = ?`, []any{database.Array(p.Materials), p.ID}},
		{`DELETE FROM product_tags WHERE product_id = ?`, []any{p.ID}},
		{`INSERT INTO product_tags (product_id, tag) SELECT ?, unnest(?::text[])`, []any{p.ID, database.Array(p.Tags)}},
		{`DELETE FROM product_photos WHERE product_id = ?`, []any{p.ID}},
		{`INSERT INTO product_photos (product_id, photo_id, position)
		  SELECT ?, photo, n FROM unnest(?::uuid[]) WITH ORDINALITY AS t (photo, n)`, []any{p.ID, database.Array(p.Photos)}},
	} {
		if err := s.db.Conn(ctx).Exec(statement.sql, statement.values...).Error; err != nil {
			return faults.Translate(err, nil)
		}
	}
	return s.Index(ctx, p)
}

// Lock reads a product for a change, with everything that hangs on it, or returns products.ErrNotFound.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (*Product, error) {
	var locked []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM products WHERE id = ? AND deleted_at IS NULL FOR UPDATE`, id).Scan(&locked).Error
	if err := faults.Translate(err, nil); err != nil {
		return nil, err
	}
	if len(locked) == 0 {
		return nil, products.ErrNotFound
	}
	found, err := s.ByIDs(ctx, locked) // a statement of its own: it sees what was committed while this one waited
	return found[id], err
}

// ByIDs reads products that are not deleted, with everything that hangs on them.
func (s *Store) ByIDs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Product, error) {
	if len(ids) == 0 {
		return map[uuid.UUID]*Product{}, nil
	}
	var rows []*Product
	err := s.db.Conn(ctx).Raw(`SELECT p.*, `+partsColumn+` AS parts FROM products p WHERE p.id = ANY(?) AND p.deleted_at IS NULL`,
		database.Array(ids)).Scan(&rows).Error
	if err := faults.Translate(err, nil); err != nil {
		return nil, err
	}
	byID := make(map[uuid.UUID]*Product, len(rows))
	for _, p := range rows {
		p.unpack()
		byID[p.ID] = p
	}
	return byID, nil
}

// partsColumn reads what hangs on product p as the JSON of Parts, in the same round trip.
const partsColumn = `jsonb_build_object(
	'tags', (SELECT jsonb_agg(tag ORDER BY tag) FROM product_tags WHERE product_id = p.id),
	'materials', to_jsonb(p.materials),
	'photos', (SELECT jsonb_agg(photo_id ORDER BY position) FROM product_photos WHERE product_id = p.id),
	'rating', (SELECT jsonb_build_object('count', count, 'sum', sum) FROM product_ratings WHERE product_id = p.id AND count > 0),
	'variants', (SELECT jsonb_agg(to_jsonb(v) || jsonb_build_object('asked', price_now(v), 'lowest_before', price_lowest_before(v)) ORDER BY v.id) FROM product_variants v WHERE v.product_id = p.id AND v.deleted_at IS NULL))`

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
	return row.ID, row.Current, faults.Translate(err, products.ErrNotFound)
}

// SlugTaken reports whether a product other than id has the slug or had it before.
func (s *Store) SlugTaken(ctx context.Context, slug string, id uuid.UUID) (bool, error) {
	var taken bool
	err := s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM products WHERE slug = ? AND id <> ? AND deleted_at IS NULL)
		OR EXISTS (SELECT 1 FROM product_slugs WHERE slug = ? AND product_id <> ?)`, slug, id, slug, id).Scan(&taken).Error
	return taken, faults.Translate(err, nil)
}

// RetireSlug keeps the old slug as a redirect; the new one is no redirect any more.
func (s *Store) RetireSlug(ctx context.Context, id uuid.UUID, old, now string) error {
	conn := s.db.Conn(ctx)
	if err := conn.Exec(`DELETE FROM product_slugs WHERE slug = ?`, now).Error; err != nil {
		return faults.Translate(err, nil)
	}
	err := conn.Exec(`INSERT INTO product_slugs (slug, product_id) VALUES (?, ?) ON CONFLICT (slug) DO NOTHING`, old, id).Error
	return faults.Translate(err, nil)
}

// Delete takes a product and its variants off the shelf for good. Orders keep what they wrote down.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	for _, sql := range []string{
		`UPDATE products SET deleted_at = now(), version = version + 1 WHERE id = ?`,
		`UPDATE product_variants SET deleted_at = now() WHERE product_id = ? AND deleted_at IS NULL`,
		`DELETE FROM product_listings WHERE product_id = ?`,
		`DELETE FROM product_slugs WHERE product_id = ?`,
		`DELETE FROM product_photos WHERE product_id = ?`,
		`DELETE FROM recently_viewed WHERE product_id = ?`,
	} {
		if err := s.db.Conn(ctx).Exec(sql, id).Error; err != nil {
			return faults.Translate(err, nil)
		}
	}
	return nil
}

// Variant reads a variant that is not deleted, or returns the fault for none.
func (s *Store) Variant(ctx context.Context, id uuid.UUID) (Variant, error) {
	var v Variant
	err := s.db.Conn(ctx).Take(&v, "id = ? AND deleted_at IS NULL", id).Error
	return v, faults.Translate(err, errVariantNotFound)
}

// InsertVariant writes a new variant.
func (s *Store) InsertVariant(ctx context.Context, v *Variant) error {
	return faults.Translate(s.db.Conn(ctx).Create(v).Error, nil)
}

// UpdateVariant writes a variant back, one version on; stock is left alone.
func (s *Store) UpdateVariant(ctx context.Context, v *Variant) error {
	v.Version++
	v.UpdatedAt = s.db.Conn(ctx).NowFunc()
	err := s.db.Conn(ctx).Select("*").Omit("id", "product_id", "on_hand", "reserved", "created_at").Updates(v).Error
	return faults.Translate(err, nil)
}

// Viewed remembers that a person looked at a product; of all those, the latest most.
func (s *Store) Viewed(ctx context.Context, user, product uuid.UUID, most int) error {
	conn := s.db.Conn(ctx)
	err := conn.Exec(`INSERT INTO recently_viewed (user_id, product_id, viewed_at) VALUES (?, ?, clock_timestamp())
		ON CONFLICT (user_id, product_id) DO UPDATE SET viewed_at = excluded.viewed_at`, user, product).Error
	if err != nil {
		return faults.Translate(err, nil)
	}
	err = conn.Exec(`DELETE FROM recently_viewed WHERE user_id = ? AND product_id IN (
		SELECT product_id FROM recently_viewed WHERE user_id = ? ORDER BY viewed_at DESC, product_id DESC OFFSET ?)`, user, user, most).Error
	return faults.Translate(err, nil)
}

// View is one line of what a person looked at.
type View struct {
	ProductID uuid.UUID `json:"p"`
	ViewedAt  time.Time `json:"t"`
}

// RecentlyViewed reads active products that a person looked at, latest first, after the position given (zero: from the top).
func (s *Store) RecentlyViewed(ctx context.Context, user uuid.UUID, after View, limit int) ([]View, error) {
	if after.ViewedAt.IsZero() {
		after.ViewedAt = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	var rows []View
	err := s.db.Conn(ctx).Raw(`SELECT r.product_id, r.viewed_at FROM recently_viewed r
		JOIN products p ON p.id = r.product_id AND p.status = 'active' AND p.deleted_at IS NULL
		WHERE r.user_id = ? AND (r.viewed_at, r.product_id) < (?, ?) ORDER BY r.viewed_at DESC, r.product_id DESC LIMIT ?`,
		user, after.ViewedAt, after.ProductID, limit).Scan(&rows).Error
	return rows, faults.Translate(err, nil)
}

// ForgetViewed clears what a person looked at.
func (s *Store) ForgetViewed(ctx context.Context, user uuid.UUID) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`DELETE FROM recently_viewed WHERE user_id = ?`, user).Error, nil)
}

// BySKU finds a variant that is not deleted by its SKU; there is false for none.
func (s *Store) BySKU(ctx context.Context, sku string) (v Variant, there bool, err error) {
	var rows []Variant
	err = s.db.Conn(ctx).Limit(1).Find(&rows, "sku = ? AND deleted_at IS NULL", sku).Error
	if err != nil || len(rows) == 0 {
		return v, false, faults.Translate(err, nil)
	}
	return rows[0], true, nil
}

// LockStock locks a variant and returns what is on hand.
func (s *Store) LockStock(ctx context.Context, variant uuid.UUID) (onHand int64, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT on_hand FROM product_variants WHERE id = ? FOR UPDATE`, variant).Scan(&onHand).Error
	return onHand, faults.Translate(err, nil)
}

// Owned reads ids of products, ascending, after one (the nil id: from the start): a seller's, or everybody's.
func (s *Store) Owned(ctx context.Context, seller *uuid.UUID, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	query := s.db.Conn(ctx).Model(&Product{}).Where("id > ? AND deleted_at IS NULL", after)
	if seller != nil {
		query = query.Where("seller_id = ?", *seller)
	}
	err := query.Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, faults.Translate(err, nil)
}
