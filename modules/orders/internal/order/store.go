package order

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"atrium/modules/orders"
	"atrium/platform/database"
	"atrium/platform/payment"
)

// Store and store_payment.go are the only files of the package that speak to the database.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

var faults = database.Faults{
	"orders_number_key":    errNumberTaken,
	"payments_refunded":    errRefundTooMuch,
	"order_items_refunded": errRefundTooMuch,
	"order_items_shipped":  errShipment,
}

// Now is PostgreSQL's time, which decides about reservations.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT now()`).Scan(&now).Error
	return now, faults.Translate(err, nil)
}

// Insert writes a new order with its items, its first payment and the beginning of its history.
func (s *Store) Insert(ctx context.Context, o *Order) error {
	conn := s.db.Conn(ctx)
	if err := faults.Translate(conn.Create(o).Error, nil); err != nil {
		return err
	}
	if err := faults.Translate(conn.Create(&o.Items).Error, nil); err != nil {
		return err
	}
	if err := faults.Translate(conn.Create(&o.Payment).Error, nil); err != nil {
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
	entry := Entry{ID: id, OrderID: o.ID, At: s.db.Conn(ctx).NowFunc(), Status: o.Status, Note: note}
	o.History = append(o.History, entry)
	return faults.Translate(s.db.Conn(ctx).Create(&entry).Error, nil)
}

// Lock reads an order for a change, or returns orders.ErrNotFound. Whatever is decided about an order is decided under this lock.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (*Order, error) {
	return s.one(ctx, s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", id))
}

// ByID reads an order, or returns orders.ErrNotFound.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (*Order, error) {
	return s.one(ctx, s.db.Conn(ctx).Where("id = ?", id))
}

// Of reads a person's order, or returns orders.ErrNotFound.
func (s *Store) Of(ctx context.Context, user, id uuid.UUID) (*Order, error) {
	return s.one(ctx, s.db.Conn(ctx).Where("id = ? AND user_id = ?", id, user))
}

func (s *Store) one(ctx context.Context, query *gorm.DB) (*Order, error) {
	var o Order
	if err := faults.Translate(query.Take(&o).Error, orders.ErrNotFound); err != nil {
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
	if err := faults.Translate(query.Find(&rows).Error, nil); err != nil {
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
	var history []Entry
	conn, all := s.db.Conn(ctx), database.Array(ids)
	for _, err := range []error{
		conn.Order("id").Find(&items, "order_id = ANY(?)", all).Error,
		conn.Raw(`SELECT DISTINCT ON (order_id) * FROM payments WHERE order_id = ANY(?) ORDER BY order_id, captured > 0 DESC, attempt DESC`, all).Scan(&payments).Error,
		conn.Order("id").Find(&history, "order_id = ANY(?)", all).Error,
	} {
		if err != nil {
			return faults.Translate(err, nil)
		}
	}
	for _, item := range items {
		byID[item.OrderID].Items = append(byID[item.OrderID].Items, item)
	}
	for _, p := range payments {
		byID[p.OrderID].Payment = p
	}
	for _, entry := range history {
		byID[entry.OrderID].History = append(byID[entry.OrderID].History, entry)
	}
	return nil
}

// SetStanding writes an order's status and stock, one version on.
func (s *Store) SetStanding(ctx context.Context, o *Order) error {
	o.Version++
	return faults.Translate(s.db.Conn(ctx).Exec(`UPDATE orders SET status = ?, stock = ?, version = ?, updated_at = now() WHERE id = ?`,
		o.Status, o.Stock, o.Version, o.ID).Error, nil)
}

// SetItem writes what has become of a line.
func (s *Store) SetItem(ctx context.Context, i *Item) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`UPDATE order_items SET shipped = ?, refunded = ?, withdrawn = ?, restocked = ? WHERE id = ?`,
		i.Shipped, i.Refunded, i.Withdrawn, i.Restocked, i.ID).Error, nil)
}

// InsertShipment writes a parcel.
func (s *Store) InsertShipment(ctx context.Context, order uuid.UUID, carrier, tracking string, portions []Portion) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	lines, err := json.Marshal(portions)
	if err != nil {
		return err
	}
	return faults.Translate(s.db.Conn(ctx).Exec(`INSERT INTO shipments (id, order_id, carrier, tracking_number, lines, shipped_at)
		VALUES (?, ?, ?, ?, ?::jsonb, now())`, id, order, carrier, tracking, string(lines)).Error, nil)
}

// DeliverShipments notes that all parcels of an order have arrived.
func (s *Store) DeliverShipments(ctx context.Context, order uuid.UUID) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`UPDATE shipments SET delivered_at = now() WHERE order_id = ? AND delivered_at IS NULL`, order).Error, nil)
}

// Overdue reads orders whose reservation ended at least slack ago and that still wait for their payment,
// without those whose payment the bank is at work on.
func (s *Store) Overdue(ctx context.Context, slack time.Duration, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM orders o WHERE status = 'pending_payment' AND reserved_until < now() - make_interval(secs => ?)
		AND (reserved_until < now() - make_interval(secs => ?)
			OR NOT EXISTS (SELECT FROM payments p WHERE p.order_id = o.id AND p.status = 'processing'))
		ORDER BY reserved_until LIMIT ?`, slack.Seconds(), processingPatience.Seconds(), limit).Scan(&ids).Error
	return ids, faults.Translate(err, nil)
}

// OverdueWith reads orders whose reservation has ended and that hold what a person's cart asks for, the longest first.
func (s *Store) OverdueWith(ctx context.Context, user uuid.UUID, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM orders o WHERE status = 'pending_payment' AND reserved_until < now()
		AND EXISTS (SELECT FROM order_items i JOIN cart_items c USING (variant_id) WHERE i.order_id = o.id AND c.user_id = ?)
		ORDER BY reserved_until LIMIT ?`, user, limit).Scan(&ids).Error
	return ids, faults.Translate(err, nil)
}

// SetIntent writes what the provider made for an attempt. An attempt has one intent: a second one is not written.
func (s *Store) SetIntent(ctx context.Context, attempt uuid.UUID, intent payment.Intent) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`UPDATE payments SET intent_id = ?, client_secret = ?, live = ?, status = 'open', checked_at = now()
		WHERE id = ? AND intent_id IS NULL`, intent.ID, intent.ClientSecret, intent.Live, attempt).Error, nil)
}
