package order

import (
	"context"

	"github.com/google/uuid"
)

// Bought satisfies orders.Purchases. An order in review was not paid as agreed, and does not count.
func (s *Store) Bought(ctx context.Context, user, product uuid.UUID) ([]uuid.UUID, error) {
	var lines []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT i.id FROM orders o JOIN order_items i ON i.order_id = o.id
		WHERE o.user_id = ? AND i.product_id = ? AND i.refunded < i.quantity
			AND o.status IN ('paid', 'partially_shipped', 'shipped', 'delivered', 'partially_refunded')
		ORDER BY i.id`, user, product).Scan(&lines).Error
	return lines, faults.Translate(err, nil)
}
