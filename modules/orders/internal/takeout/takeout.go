// Package takeout hands out what orders keeps about a person.
package takeout

import (
	"atrium/platform/database"
	"atrium/platform/takeout"
)

// Part is the module's part of a person's archive.
func Part(db *database.DB) takeout.Part {
	return takeout.Tables(db, "orders",
		takeout.Table{Name: "orders", Key: "id", Select: `SELECT id, number, status, currency, subtotal, shipping, tax, discount, total, address,
			created_at, updated_at,
			(SELECT jsonb_agg(jsonb_build_object('name', i.name, 'sku', i.sku, 'variant_id', i.variant_id, 'quantity', i.quantity,
				'unit_price', i.unit_price, 'line_total', i.line_total, 'shipped', i.shipped, 'refunded', i.refunded) ORDER BY i.id)
				FROM order_items i WHERE i.order_id = o.id) AS items,
			(SELECT jsonb_agg(jsonb_build_object('at', h.at, 'status', h.status) ORDER BY h.id) FROM order_history h WHERE h.order_id = o.id) AS history,
			(SELECT jsonb_agg(jsonb_build_object('amount', r.amount, 'currency', r.currency, 'status', r.status, 'at', r.created_at) ORDER BY r.id)
				FROM refunds r WHERE r.order_id = o.id) AS refunds
			FROM orders o WHERE user_id = @user`},
		takeout.Table{Name: "addresses", Key: "id", Select: `SELECT id, name, line1, line2, city, region, postal_code, country, phone, is_default, created_at, updated_at
			FROM addresses WHERE user_id = @user`},
		takeout.Table{Name: "cart", Key: "variant_id", Select: `SELECT variant_id, product_id, product_name, quantity, added_at FROM cart_items WHERE user_id = @user`},
	)
}
