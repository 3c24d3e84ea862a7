// Package personaldata hands out what the module keeps about a person, and deletes it; of orders it leaves what taxes depend on.
package personaldata

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/dataexport"
	"atrium/platform/tasks"
)

// Export is the module's part of a person's data export.
func Export(db *database.DB) dataexport.Part {
	return dataexport.Tables(db, "orders",
		dataexport.Table{Name: "orders", Key: "id", Select: `SELECT id, number, status, currency, subtotal, shipping, tax, discount, total, address,
			created_at, updated_at,
			(SELECT jsonb_agg(jsonb_build_object('name', i.name, 'sku', i.sku, 'variant_id', i.variant_id, 'quantity', i.quantity,
				'unit_price', i.unit_price, 'line_total', i.line_total, 'shipped', i.shipped, 'refunded', i.refunded) ORDER BY i.id)
				FROM order_items i WHERE i.order_id = o.id) AS items,
			(SELECT jsonb_agg(jsonb_build_object('at', h.at, 'status', h.status) ORDER BY h.id) FROM order_history h WHERE h.order_id = o.id) AS history,
			(SELECT jsonb_agg(jsonb_build_object('amount', r.amount, 'currency', r.currency, 'status', r.status, 'at', r.created_at) ORDER BY r.id)
				FROM refunds r WHERE r.order_id = o.id) AS refunds
			FROM orders o WHERE user_id = @user`},
		dataexport.Table{Name: "returns", Key: "id", Select: `SELECT id, order_id, status, reason, note, created_at, updated_at,
			(SELECT jsonb_agg(jsonb_build_object('item_id', l.item_id, 'quantity', l.quantity) ORDER BY l.item_id) FROM return_lines l WHERE l.return_id = r.id) AS lines
			FROM returns r WHERE user_id = @user`},
		dataexport.Table{Name: "coupons_used", Key: "order_id", Select: `SELECT u.order_id, c.code, u.used_at FROM coupon_uses u JOIN coupons c ON c.id = u.coupon_id
			WHERE u.user_id = @user`},
		dataexport.Table{Name: "addresses", Key: "id", Select: `SELECT id, name, line1, line2, city, region, postal_code, country, phone, is_default, created_at, updated_at
			FROM addresses WHERE user_id = @user`},
		dataexport.Table{Name: "cart", Key: "variant_id", Select: `SELECT variant_id, product_id, product_name, quantity, added_at FROM cart_items WHERE user_id = @user`},
	)
}

// Eraser deletes what the module keeps about a person whose account was deleted.
type Eraser struct {
	store     *Store
	carts     *cart.Service
	addresses *address.Service
}

func NewEraser(store *Store, carts *cart.Service, addresses *address.Service) *Eraser {
	return &Eraser{store, carts, addresses}
}

// Erase deletes the person's cart and addresses and begins to take them out of their orders, in the transaction open in ctx. The
// orders stay, for the tax office asks for them for years, with an id that leads to nobody. What is still on its way needs its
// address until it ends.
func (e *Eraser) Erase(ctx context.Context, user uuid.UUID) error {
	if err := e.carts.Forget(ctx, user); err != nil {
		return err
	}
	if err := e.addresses.Forget(ctx, user); err != nil {
		return err
	}
	if err := e.store.Mark(ctx, user); err != nil {
		return err
	}
	return e.store.Pseudonymise(ctx)
}

// Handlers erase people whose account was deleted.
func Handlers(e *Eraser) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("orders.user_deleted", func(ctx context.Context, _ uuid.UUID, deleted users.Deleted) error {
			return e.Erase(ctx, deleted.UserID)
		}, tasks.Lasting()),
	}
}

// Schedules take erased people out of orders that have ended since.
func Schedules(store *Store) []tasks.Schedule {
	return []tasks.Schedule{{Name: "orders.sweep_pseudonyms", Every: time.Hour, Run: store.Pseudonymise}}
}
