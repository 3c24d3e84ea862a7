package catalogue

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
)

// InsertAll writes new products with their tags and materials.
func (s *Store) InsertAll(ctx context.Context, all []*product.Product) error {
	if len(all) == 0 {
		return nil
	}
	if err := s.db.Conn(ctx).Create(all).Error; err != nil {
		return err
	}
	rows, err := rowsOf(all)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		`UPDATE products p SET materials = ARRAY(SELECT jsonb_array_elements_text(r.materials))
			FROM jsonb_to_recordset(?::jsonb) AS r (id uuid, materials jsonb) WHERE p.id = r.id AND r.materials <> '[]'`,
		insertTags,
	} {
		if err := s.db.Conn(ctx).Exec(sql, rows).Error; err != nil {
			return err
		}
	}
	return nil
}

const insertTags = `INSERT INTO product_tags (product_id, tag)
	SELECT r.id, t.tag FROM jsonb_to_recordset(?::jsonb) AS r (id uuid, tags jsonb), jsonb_array_elements_text(r.tags) AS t (tag)`

// UpdateAll writes products back, one version on, with their tags; slugs and photos are left alone.
func (s *Store) UpdateAll(ctx context.Context, all []*product.Product) error {
	if len(all) == 0 {
		return nil
	}
	for _, p := range all {
		p.Version++
	}
	rows, err := rowsOf(all)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		`UPDATE products p SET name = r.name, brand = r.brand, description = r.description, category_slug = r.category, status = r.status,
				width_mm = r.width, depth_mm = r.depth, height_mm = r.height, weight_g = r.weight, version = r.version, updated_at = now(),
				materials = ARRAY(SELECT jsonb_array_elements_text(r.materials))
			FROM jsonb_to_recordset(?::jsonb) AS r (id uuid, name text, brand text, description text, category text, status text, width integer,
				depth integer, height integer, weight integer, version bigint, materials jsonb) WHERE p.id = r.id`,
		`DELETE FROM product_tags WHERE product_id IN (SELECT id FROM jsonb_to_recordset(?::jsonb) AS r (id uuid))`,
		insertTags,
	} {
		if err := s.db.Conn(ctx).Exec(sql, rows).Error; err != nil {
			return err
		}
	}
	return nil
}

// productRow is a product as a statement for many reads it.
type productRow struct {
	ID          uuid.UUID `json:"id"`
	Name        string    `json:"name"`
	Brand       string    `json:"brand"`
	Description string    `json:"description"`
	Category    string    `json:"category"`
	Status      string    `json:"status"`
	Width       *int      `json:"width"`
	Depth       *int      `json:"depth"`
	Height      *int      `json:"height"`
	Weight      *int      `json:"weight"`
	Version     int64     `json:"version"`
	Tags        []string  `json:"tags"`
	Materials   []string  `json:"materials"`
}

func rowsOf(all []*product.Product) (string, error) {
	rows := make([]productRow, len(all))
	for i, p := range all {
		rows[i] = productRow{
			ID: p.ID, Name: p.Name, Brand: p.Brand, Description: p.Description, Category: p.CategorySlug, Status: p.Status,
			Width: p.WidthMM, Depth: p.DepthMM, Height: p.HeightMM, Weight: p.WeightG, Version: p.Version,
			Tags: append([]string{}, p.Tags...), Materials: append([]string{}, p.Materials...),
		}
	}
	raw, err := json.Marshal(rows)
	return string(raw), err
}

// InsertVariants writes new variants.
func (s *Store) InsertVariants(ctx context.Context, all []product.Variant) error {
	if len(all) == 0 {
		return nil
	}
	return s.db.Conn(ctx).Create(all).Error
}

// variantRow is a variant as a statement for many reads it.
type variantRow struct {
	ID        uuid.UUID         `json:"id"`
	Name      string            `json:"name"`
	Options   map[string]string `json:"options"`
	Price     int64             `json:"price"`
	Currency  string            `json:"currency"`
	CompareAt *int64            `json:"compare_at"`
	Sale      *int64            `json:"sale"`
	SaleFrom  *time.Time        `json:"sale_from"`
	SaleUntil *time.Time        `json:"sale_until"`
}

// UpdateVariants writes variants back, one version on; SKUs and stock are left alone.
func (s *Store) UpdateVariants(ctx context.Context, all []product.Variant) error {
	if len(all) == 0 {
		return nil
	}
	rows := make([]variantRow, len(all))
	for i, v := range all {
		rows[i] = variantRow{v.ID, v.Name, v.Options, v.PriceAmount, v.PriceCurrency, v.CompareAtAmount, v.SaleAmount, v.SaleFrom, v.SaleUntil}
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	return s.db.Conn(ctx).Exec(`UPDATE product_variants v SET name = r.name, options = r.options, price_amount = r.price, price_currency = r.currency,
			compare_at_amount = r.compare_at, sale_amount = r.sale, sale_from = r.sale_from, sale_until = r.sale_until,
			version = v.version + 1, updated_at = now()
		FROM jsonb_to_recordset(?::jsonb) AS r (id uuid, name text, options jsonb, price bigint, currency text, compare_at bigint, sale bigint,
			sale_from timestamptz, sale_until timestamptz) WHERE v.id = r.id`, string(raw)).Error
}
