package returns

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/database"
)

// Store reads and writes returns.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db} }

// returnLine is a row of return_lines.
type returnLine struct {
	ReturnID uuid.UUID
	ItemID   uuid.UUID
	Quantity int64
}

// TableName is where the lines live.
func (returnLine) TableName() string { return "return_lines" }

// Insert writes a new return with its lines, each of which is named once.
func (s *Store) Insert(ctx context.Context, r *Return) error {
	if err := s.db.Conn(ctx).Create(r).Error; err != nil {
		return err
	}
	sums := map[uuid.UUID]int64{}
	for _, line := range r.Lines {
		sums[line.ItemID] += line.Quantity
	}
	rows := make([]returnLine, 0, len(sums))
	for item, quantity := range sums {
		rows = append(rows, returnLine{r.ID, item, quantity})
	}
	return s.db.Conn(ctx).Create(&rows).Error
}

// ByID reads a return, or returns errNotFound.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (*Return, error) {
	var r Return
	if err := database.OrNotFound(s.db.Conn(ctx).Take(&r, "id = ?", id).Error, errNotFound); err != nil {
		return nil, err
	}
	return &r, s.fill(ctx, []*Return{&r})
}

// Selection is which returns a list shows. Zero values select all.
type Selection struct {
	Order  uuid.UUID
	Status Status
	Below  uuid.UUID
	Limit  int
}

// Page reads returns, newest first.
func (s *Store) Page(ctx context.Context, sel Selection) ([]*Return, error) {
	query := s.db.Conn(ctx).Order("id DESC").Limit(sel.Limit)
	if sel.Order != uuid.Nil {
		query = query.Where("order_id = ?", sel.Order)
	}
	if sel.Status != "" {
		query = query.Where("status = ?", sel.Status)
	}
	if sel.Below != uuid.Nil {
		query = query.Where("id < ?", sel.Below)
	}
	var rows []*Return
	if err := query.Find(&rows).Error; err != nil {
		return nil, err
	}
	return rows, s.fill(ctx, rows)
}

func (s *Store) fill(ctx context.Context, rows []*Return) error {
	byID, ids := make(map[uuid.UUID]*Return, len(rows)), make([]uuid.UUID, len(rows))
	for i, r := range rows {
		byID[r.ID], ids[i] = r, r.ID
	}
	var lines []returnLine
	err := s.db.Conn(ctx).Order("item_id").Find(&lines, "return_id = ANY(?)", database.Array(ids)).Error
	for _, line := range lines {
		r := byID[line.ReturnID]
		r.Lines = append(r.Lines, order.ItemQuantity{ItemID: line.ItemID, Quantity: line.Quantity})
	}
	return err
}

// Update writes how a return stands, one version on.
func (s *Store) Update(ctx context.Context, r *Return) error {
	r.Version++
	return s.db.Conn(ctx).Select("status", "note", "refund_id", "version", "updated_at").Updates(r).Error
}

// pieces is how many pieces of a line are on their way back, or back.
type pieces struct{ Open, Received int64 }

// Pieces counts the pieces of an order that are in returns, by line; rejected ones do not count.
func (s *Store) Pieces(ctx context.Context, order uuid.UUID) (map[uuid.UUID]pieces, error) {
	var rows []struct {
		ItemID         uuid.UUID
		Open, Received int64
	}
	err := s.db.Conn(ctx).Raw(`SELECT item_id, coalesce(sum(quantity) FILTER (WHERE status <> 'received'), 0) AS open,
			coalesce(sum(quantity) FILTER (WHERE status = 'received'), 0) AS received
		FROM returns r JOIN return_lines l ON l.return_id = r.id WHERE order_id = ? AND status <> 'rejected' GROUP BY item_id`, order).Scan(&rows).Error
	byItem := make(map[uuid.UUID]pieces, len(rows))
	for _, row := range rows {
		byItem[row.ItemID] = pieces{row.Open, row.Received}
	}
	return byItem, err
}

// Miscounted reads orders with a line of which more pieces were received than shipped ones were refunded.
func (s *Store) Miscounted(ctx context.Context, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT DISTINCT i.order_id FROM order_items i
		JOIN (SELECT item_id, sum(quantity) AS received FROM return_lines l JOIN returns r ON r.id = l.return_id
			WHERE r.status = 'received' GROUP BY item_id) back ON back.item_id = i.id
		WHERE i.refunded - i.withdrawn < back.received AND i.withdrawn > 0 LIMIT ?`, limit).Scan(&ids).Error
	return ids, err
}

// Parcels reads what was shipped of an order, line by line, the oldest first.
func (s *Store) Parcels(ctx context.Context, order uuid.UUID) (rows []parcel, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT (line->>'item_id')::uuid AS item_id, (line->>'quantity')::bigint AS quantity,
			coalesce(delivered_at, shipped_at) AS arrived
		FROM shipments s, jsonb_array_elements(lines) AS line WHERE order_id = ? ORDER BY s.id`, order).Scan(&rows).Error
	return rows, err
}

// Asked reads what was asked to be returned of an order, line by line, the oldest first; rejected returns do not count.
func (s *Store) Asked(ctx context.Context, order uuid.UUID) (rows []asked, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT item_id, quantity, created_at AS at FROM returns r JOIN return_lines l ON l.return_id = r.id
		WHERE order_id = ? AND status <> 'rejected' ORDER BY r.id`, order).Scan(&rows).Error
	return rows, err
}
