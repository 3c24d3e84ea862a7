package internal

import (
	"atrium/platform/database"
	"atrium/platform/takeout"
)

// Takeout is what the module hands out of what it keeps about a person.
func Takeout(db *database.DB) takeout.Part {
	return takeout.Tables(db, "products",
		takeout.Table{Name: "recently_viewed", Key: "product_id", Select: `SELECT product_id, viewed_at FROM recently_viewed WHERE user_id = @user`},
		takeout.Table{Name: "product_reviews", Key: "id", Select: `SELECT id, product_id, rating, text, photos, created_at, edited_at
			FROM product_reviews WHERE author_id = @user`},
		takeout.Table{Name: "products", Key: "id", Select: `SELECT id, slug, name, brand, description, category_slug, status, created_at, updated_at
			FROM products WHERE seller_id = @user AND deleted_at IS NULL`},
	)
}
