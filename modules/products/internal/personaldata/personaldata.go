// Package personaldata hands out and deletes what the module keeps about a person.
package personaldata

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/products/internal/imports"
	"atrium/modules/products/internal/recentlyviewed"
	"atrium/modules/products/internal/review"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/dataexport"
	"atrium/platform/tasks"
)

// Export is the module's part of a person's data export.
func Export(db *database.DB) dataexport.Part {
	return dataexport.Tables(db, "products",
		dataexport.Table{Name: "recently_viewed", Key: "product_id", Select: `SELECT product_id, viewed_at FROM recently_viewed WHERE user_id = @user`},
		dataexport.Table{Name: "product_reviews", Key: "id", Select: `SELECT id, product_id, rating, text, photos, created_at, edited_at,
			(SELECT jsonb_agg(jsonb_build_object('rating', v.rating, 'text', v.text, 'written_at', v.written_at) ORDER BY v.version)
				FROM product_review_versions v WHERE v.review_id = product_reviews.id) AS versions
			FROM product_reviews WHERE author_id = @user`},
		dataexport.Table{Name: "products", Key: "id", Select: `SELECT id, slug, name, brand, description, category_slug, status, created_at, updated_at,
			(SELECT jsonb_agg(jsonb_build_object('sku', v.sku, 'name', v.name, 'options', v.options, 'price_amount', v.price_amount, 'price_currency', v.price_currency) ORDER BY v.id)
				FROM product_variants v WHERE v.product_id = products.id AND v.deleted_at IS NULL) AS variants
			FROM products WHERE seller_id = @user AND deleted_at IS NULL`},
		dataexport.Table{Name: "product_imports", Key: "id", Select: `SELECT id, status, dry_run, rows, created, updated, unchanged, failed, created_at, finished_at
			FROM product_imports WHERE owner_id = @user`},
	)
}

// Handlers delete what the module keeps about a person whose account was deleted. Products stay: they are the shop's.
func Handlers(viewed *recentlyviewed.Service, reviews *review.Service, files *imports.Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("products.user_deleted", func(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
			if err := viewed.Clear(ctx, e.UserID); err != nil {
				return err
			}
			if err := files.Forget(ctx, e.UserID); err != nil {
				return err
			}
			return reviews.DeleteOf(ctx, e.UserID)
		}, tasks.Lasting()),
	}
}
