package order

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/coupon"
	"atrium/platform/database"
)

// Store reads and writes orders, their lines, their payments and their history.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db.WithConstraints(constraints)} }

var constraints = database.Constraints{
	"orders_number_key":    ErrNumberTaken,
	"payments_refunded":    ErrRefundExceeds,
	"order_items_refunded": ErrRefundExceeds,
	"order_items_shipped":  ErrNothingToShip,
}

// Now is PostgreSQL's time, which decides about reservations.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT now()`).Scan(&now).Error
	return now, err
}

// Insert writes a new order with its items, its first payment and the beginning of its history.
func (s *Store) Insert(ctx context.Context, o *Order) error {
	conn := s.db.Conn(ctx)
	if err := conn.Create(o).Error; err != nil {
		return err
	}
	if err := conn.Create(&o.Items).Error; err != nil {
		return err
	}
	if err := conn.Create(&o.Payment).Error; err != nil {
		return err
	}
	return s.Note(ctx, o, "")
}

// Note adds a line to the order's history.
func (s *Store) Note(ctx context.Context, o *Order, note string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	entry := HistoryEntry{ID: id, OrderID: o.ID, At: s.db.Conn(ctx).NowFunc(), Status: o.Status, Note: note}
	o.History = append(o.History, entry)
	return s.db.Conn(ctx).Create(&entry).Error
}

// Lock reads an order for a change, or returns orders.ErrNotFound. Whatever is decided about an order is decided under this lock.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (*Order, error) {
	return s.one(ctx, s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", id))
}

// ByID reads an order, or returns orders.ErrNotFound.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (*Order, error) {
	return s.one(ctx, s.db.Conn(ctx).Where("id = ?", id))
}

// InStatus returns those of the orders that have the status.
func (s *Store) InStatus(ctx context.Context, status Status, ids []uuid.UUID) (found []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT id FROM orders WHERE status = ? AND id = ANY(?)`, status, database.Array(ids)).Scan(&found).Error
	return found, err
}

// Of reads a person's order, or returns orders.ErrNotFound.
func (s *Store) Of(ctx context.Context, user, id uuid.UUID) (*Order, error) {
	return s.one(ctx, s.db.Conn(ctx).Where("id = ? AND user_id = ?", id, user))
}

func (s *Store) one(ctx context.Context, query *gorm.DB) (*Order, error) {
	var o Order
	if err := database.OrNotFound(query.Take(&o).Error, orders.ErrNotFound); err != nil {
		return nil, err
	}
	return &o, s.fill(ctx, []*Order{&o})
}

// Selection is which orders a list shows. Zero values select all.
type Selection struct {
	User   uuid.UUID
	Status Status
	Below  uuid.UUID
	Limit  int
}

// Page reads orders, newest first.
func (s *Store) Page(ctx context.Context, sel Selection) ([]*Order, error) {
	query := s.db.Conn(ctx).Order("id DESC").Limit(sel.Limit)
	if sel.User != uuid.Nil {
		query = query.Where("user_id = ?", sel.User)
	}
	if sel.Status != "" {
		query = query.Where("status = ?", sel.Status)
	}
	if sel.Below != uuid.Nil {
		query = query.Where("id < ?", sel.Below)
	}
	var rows []*Order
	if err := query.Find(&rows).Error; err != nil {
		return nil, err
	}
	return rows, s.fill(ctx, rows)
}

// fill reads what belongs to orders: one query for each kind.
func (s *Store) fill(ctx context.Context, rows []*Order) error {
	if len(rows) == 0 {
		return nil
	}
	byID := make(map[uuid.UUID]*Order, len(rows))
	ids := make([]uuid.UUID, len(rows))
	for i, o := range rows {
		byID[o.ID], ids[i] = o, o.ID
	}
	var items []Item
	var payments []Payment
	var history []HistoryEntry
	var sums []struct {
		OrderID     uuid.UUID
		Refunded    int64
		DeliveredAt *time.Time
		Code, Name  *string // of its promotion
		Dispute     *DisputeStatus
	}
	conn, all := s.db.Conn(ctx), database.Array(ids)
	for _, err := range []error{
		conn.Raw(`SELECT i.*, (SELECT coalesce(sum(l.quantity), 0) FROM return_lines l JOIN returns r ON r.id = l.return_id
			WHERE l.item_id = i.id AND r.status = 'received') AS returned
			FROM order_items i WHERE order_id = ANY(?) ORDER BY id`, all).Scan(&items).Error,
		conn.Raw(`SELECT DISTINCT ON (order_id) * FROM payments WHERE order_id = ANY(?) ORDER BY order_id, captured > 0 DESC, attempt DESC`, all).Scan(&payments).Error,
		conn.Order("id").Find(&history, "order_id = ANY(?)", all).Error,
		conn.Raw(`SELECT o.id AS order_id,
				(SELECT coalesce(sum(amount), 0) FROM refunds r WHERE r.order_id = o.id AND r.status = 'succeeded') AS refunded,
				(SELECT max(delivered_at) FROM shipments s WHERE s.order_id = o.id HAVING bool_and(delivered_at IS NOT NULL)) AS delivered_at,
				(SELECT status FROM disputes d WHERE d.order_id = o.id ORDER BY status = 'open' DESC, opened_at DESC, id DESC LIMIT 1) AS dispute,
				CASE WHEN coalesce(u.typed, NOT c.automatic) THEN c.code END AS code, coalesce(nullif(c.name, ''), c.code) AS name
			FROM unnest(?::uuid[]) AS o (id) LEFT JOIN coupon_uses u ON u.order_id = o.id LEFT JOIN coupons c ON c.id = u.coupon_id`, all).Scan(&sums).Error,
	} {
		if err != nil {
			return err
		}
	}
	for _, item := range items {
		byID[item.OrderID].Items = append(byID[item.OrderID].Items, item)
	}
	for _, p := range payments {
		byID[p.OrderID].Payment = p
	}
	for _, sum := range sums {
		byID[sum.OrderID].RefundedAmount, byID[sum.OrderID].DeliveredAt = sum.Refunded, sum.DeliveredAt
		byID[sum.OrderID].Dispute = sum.Dispute
		if sum.Name != nil {
			byID[sum.OrderID].Promotion = &coupon.Promotion{Code: sum.Code, Name: *sum.Name}
		}
	}
	for _, entry := range history {
		byID[entry.OrderID].History = append(byID[entry.OrderID].History, entry)
	}
	return nil
}

// SetStatus writes an order's status and stock, one version on.
func (s *Store) SetStatus(ctx context.Context, o *Order) error {
	o.Version++
	return s.db.Conn(ctx).Exec(`UPDATE orders SET status = ?, stock = ?, version = ?, updated_at = now() WHERE id = ?`,
		o.Status, o.Stock, o.Version, o.ID).Error
}

// SetItems writes what has become of an order's lines.
func (s *Store) SetItems(ctx context.Context, o *Order) error {
	for _, i := range o.Items {
		err := s.db.Conn(ctx).Exec(`UPDATE order_items SET shipped = ?, refunded = ?, withdrawn = ?, restocked = ? WHERE id = ?`,
			i.Shipped, i.Refunded, i.Withdrawn, i.Restocked, i.ID).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// Bought satisfies orders.Purchases. An order in review was not paid as agreed, and does not count.
func (s *Store) Bought(ctx context.Context, user, product uuid.UUID) ([]uuid.UUID, error) {
	var lines []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT i.id FROM orders o JOIN order_items i ON i.order_id = o.id
		WHERE o.user_id = ? AND i.product_id = ? AND i.shipped > i.refunded - i.withdrawn
			AND o.status IN ('partially_shipped', 'shipped', 'delivered', 'partially_refunded')
		ORDER BY i.id`, user, product).Scan(&lines).Error
	return lines, err
}

// Undone satisfies orders.Purchases.
func (s *Store) Undone(ctx context.Context, lines []uuid.UUID) ([]uuid.UUID, error) {
	var undone []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT i.id FROM orders o JOIN order_items i ON i.order_id = o.id
		WHERE i.id = ANY(?) AND (i.refunded = i.quantity OR o.status IN ('cancelled', 'expired', 'refunded'))`,
		database.Array(lines)).Scan(&undone).Error
	return undone, err
}
