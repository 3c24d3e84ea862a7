package catalogue

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/platform/database"
	"atrium/platform/fault"
)

// Store writes products and variants.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db.WithConstraints(constraints)} }

// ErrCategory: a product's category is none.
var ErrCategory = fault.Invalid("products.unknown_category", "There is no such category.",
	fault.Field{Pointer: "/body/category", Detail: "must be the slug of a category"})

var constraints = database.Constraints{
	"products_slug_key":           product.ErrSlugTaken,
	"product_variants_sku_key":    product.ErrSKUTaken,
	"products_category":           ErrCategory,
	"product_variants_compare_at": product.ErrCompareAt,
	"product_variants_sale":       product.ErrSale,
}

// Insert writes a new product with its tags and photos.
func (s *Store) Insert(ctx context.Context, p *product.Product) error {
	if err := s.db.Conn(ctx).Create(p).Error; err != nil {
		return err
	}
	return s.writeParts(ctx, p)
}

// Update writes a product back, one version on, with its tags and photos.
func (s *Store) Update(ctx context.Context, p *product.Product) error {
	p.Version++
	p.UpdatedAt = s.db.Conn(ctx).NowFunc()
	err := s.db.Conn(ctx).Select("*").Omit("id", "created_at", "price_amount", "price_currency").Updates(p).Error
	if err != nil {
		return err
	}
	return s.writeParts(ctx, p)
}

// writeParts writes the materials, tags and photos of a product.
func (s *Store) writeParts(ctx context.Context, p *product.Product) error {
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
			return err
		}
	}
	return nil
}

// SlugTaken reports whether a product other than id has the slug or had it before.
func (s *Store) SlugTaken(ctx context.Context, slug string, id uuid.UUID) (bool, error) {
	var taken bool
	err := s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM products WHERE slug = ? AND id <> ? AND deleted_at IS NULL)
		OR EXISTS (SELECT 1 FROM product_slugs WHERE slug = ? AND product_id <> ?)`, slug, id, slug, id).Scan(&taken).Error
	return taken, err
}

// RetireSlug keeps the old slug as a redirect; the new one is no redirect any more.
func (s *Store) RetireSlug(ctx context.Context, id uuid.UUID, old, now string) error {
	conn := s.db.Conn(ctx)
	if err := conn.Exec(`DELETE FROM product_slugs WHERE slug = ?`, now).Error; err != nil {
		return err
	}
	return conn.Exec(`INSERT INTO product_slugs (slug, product_id) VALUES (?, ?) ON CONFLICT (slug) DO NOTHING`, old, id).Error
}

// Delete marks a product and its variants as deleted. Orders keep their own copies.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	for _, sql := range []string{
		`UPDATE products SET deleted_at = now(), version = version + 1 WHERE id = ?`,
		`UPDATE product_variants SET deleted_at = now() WHERE product_id = ? AND deleted_at IS NULL`,
		`DELETE FROM product_slugs WHERE product_id = ?`,
		`DELETE FROM product_photos WHERE product_id = ?`,
		`DELETE FROM recently_viewed WHERE product_id = ?`,
	} {
		if err := s.db.Conn(ctx).Exec(sql, id).Error; err != nil {
			return err
		}
	}
	return nil
}

// InsertVariant writes a new variant.
func (s *Store) InsertVariant(ctx context.Context, v *product.Variant) error {
	return s.db.Conn(ctx).Create(v).Error
}

// UpdateVariant writes a variant back, one version on; stock is left alone.
func (s *Store) UpdateVariant(ctx context.Context, v *product.Variant) error {
	v.Version++
	v.UpdatedAt = s.db.Conn(ctx).NowFunc()
	return s.db.Conn(ctx).Select("*").Omit("id", "product_id", "on_hand", "reserved", "created_at").Updates(v).Error
}

// Alternatives finds, for each product, up to n others to buy instead: of the 40 dearer and the 40 cheaper ones next to it in its
// category, those whose names are most alike.
func (s *Store) Alternatives(ctx context.Context, ids []uuid.UUID, n int) (map[uuid.UUID][]uuid.UUID, error) {
	var rows []struct{ ID, Other uuid.UUID }
	err := s.db.Conn(ctx).Raw(`
		SELECT p.id, near.product_id AS other FROM products p CROSS JOIN LATERAL (
			SELECT product_id, similarity(name_key, coalesce((SELECT name_key FROM product_listings WHERE product_id = p.id), lower(p.name))) AS alike, abs(price_amount - coalesce(p.price_amount, 0)) AS apart FROM (
				(SELECT product_id, name_key, price_amount FROM product_listings
				WHERE visible AND in_stock AND category_slug = p.category_slug AND price_amount >= coalesce(p.price_amount, 0)
					AND price_currency = coalesce(p.price_currency, price_currency) AND product_id <> p.id
				ORDER BY price_amount, product_id LIMIT 40)
				UNION ALL
				(SELECT product_id, name_key, price_amount FROM product_listings
				WHERE visible AND in_stock AND category_slug = p.category_slug AND price_amount < p.price_amount
					AND price_currency = p.price_currency AND product_id <> p.id
				ORDER BY price_amount DESC, product_id DESC LIMIT 40)) around
			ORDER BY alike DESC, apart, product_id LIMIT @n) near
		WHERE p.id = ANY(@ids) ORDER BY p.id, near.alike DESC, near.apart, near.product_id`,
		map[string]any{"ids": database.Array(ids), "n": n}).Scan(&rows).Error
	found := make(map[uuid.UUID][]uuid.UUID, len(ids))
	for _, row := range rows {
		found[row.ID] = append(found[row.ID], row.Other)
	}
	return found, err
}
