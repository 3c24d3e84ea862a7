package cart

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store is the only file of the package that speaks to the database.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Lock keeps everybody else from changing the person's cart until the transaction ends.
func (s *Store) Lock(ctx context.Context, user uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`
		WITH there AS (SELECT user_id FROM carts WHERE user_id = ? FOR UPDATE)
		INSERT INTO carts (user_id) SELECT ? WHERE NOT EXISTS (SELECT FROM there)
		ON CONFLICT (user_id) DO UPDATE SET updated_at = now()`, user, user).Error
}

// Rows reads a cart in the order its lines were put in.
func (s *Store) Rows(ctx context.Context, user uuid.UUID) ([]Row, error) {
	var rows []Row
	err := s.db.Conn(ctx).Raw(`SELECT * FROM cart_items WHERE user_id = ? ORDER BY added_at, variant_id`, user).Scan(&rows).Error
	return rows, err
}

// Put sets a line, with the price shown now.
func (s *Store) Put(ctx context.Context, r Row) error {
	return s.db.Conn(ctx).Exec(`INSERT INTO cart_items
			(user_id, variant_id, product_id, product_name, quantity, price_amount, price_currency, added_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, clock_timestamp())
		ON CONFLICT (user_id, variant_id) DO UPDATE SET quantity = excluded.quantity, product_name = excluded.product_name,
			price_amount = excluded.price_amount, price_currency = excluded.price_currency`,
		r.UserID, r.VariantID, r.ProductID, r.ProductName, r.Quantity, r.PriceAmount, r.PriceCurrency).Error
}

// GiveBack puts a line in again, at the price it had. A line that is there by now is not added up: it is the same wish.
func (s *Store) GiveBack(ctx context.Context, r Row) error {
	return s.db.Conn(ctx).Exec(`INSERT INTO cart_items
			(user_id, variant_id, product_id, product_name, quantity, price_amount, price_currency, added_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, clock_timestamp())
		ON CONFLICT (user_id, variant_id) DO UPDATE SET quantity = greatest(cart_items.quantity, excluded.quantity)`,
		r.UserID, r.VariantID, r.ProductID, r.ProductName, r.Quantity, r.PriceAmount, r.PriceCurrency).Error
}

// Reduce takes pieces off a line, and the line out where none is left.
func (s *Store) Reduce(ctx context.Context, user, variant uuid.UUID, quantity int64) error {
	return s.db.Conn(ctx).Exec(`WITH gone AS (DELETE FROM cart_items WHERE user_id = @user AND variant_id = @variant AND quantity <= @quantity)
		UPDATE cart_items SET quantity = quantity - @quantity WHERE user_id = @user AND variant_id = @variant AND quantity > @quantity`,
		sql.Named("user", user), sql.Named("variant", variant), sql.Named("quantity", quantity)).Error
}

// Remove takes lines out; what is not there is no error.
func (s *Store) Remove(ctx context.Context, user uuid.UUID, variants ...uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM cart_items WHERE user_id = ? AND variant_id = ANY(?)`, user, database.Array(variants)).Error
}

// Forget removes the cart itself.
func (s *Store) Forget(ctx context.Context, user uuid.UUID) error {
	if err := s.db.Conn(ctx).Exec(`DELETE FROM cart_items WHERE user_id = ?`, user).Error; err != nil {
		return err
	}
	return s.db.Conn(ctx).Exec(`DELETE FROM carts WHERE user_id = ?`, user).Error
}
