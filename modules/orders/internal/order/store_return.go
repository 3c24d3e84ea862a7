package order

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// returnLine is a row of return_lines.
type returnLine struct {
	ReturnID uuid.UUID
	ItemID   uuid.UUID
	Quantity int64
}

// TableName is where the lines live.
func (returnLine) TableName() string { return "return_lines" }

// InsertReturn writes a new return with its lines, each of which is named once.
func (s *Store) InsertReturn(ctx context.Context, r *Return) error {
	if err := faults.Translate(s.db.Conn(ctx).Create(r).Error, nil); err != nil {
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
	return faults.Translate(s.db.Conn(ctx).Create(&rows).Error, nil)
}

// Return reads a return, or returns errReturnNotFound.
func (s *Store) Return(ctx context.Context, id uuid.UUID) (*Return, error) {
	var r Return
	if err := faults.Translate(s.db.Conn(ctx).Take(&r, "id = ?", id).Error, errReturnNotFound); err != nil {
		return nil, err
	}
	return &r, s.fillReturns(ctx, []*Return{&r})
}

// ReturnSelection is which returns a list shows. Zero values select all.
type ReturnSelection struct {
	Order  uuid.UUID
	Status ReturnStatus
	Below  uuid.UUID
	Limit  int
}

// Returns reads returns, newest first.
func (s *Store) Returns(ctx context.Context, sel ReturnSelection) ([]*Return, error) {
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
	if err := faults.Translate(query.Find(&rows).Error, nil); err != nil {
		return nil, err
	}
	return rows, s.fillReturns(ctx, rows)
}

func (s *Store) fillReturns(ctx context.Context, rows []*Return) error {
	byID, ids := make(map[uuid.UUID]*Return, len(rows)), make([]uuid.UUID, len(rows))
	for i, r := range rows {
		byID[r.ID], ids[i] = r, r.ID
	}
	var lines []returnLine
	err := s.db.Conn(ctx).Order("item_id").Find(&lines, "return_id = ANY(?)", database.Array(ids)).Error
	for _, line := range lines {
		r := byID[line.ReturnID]
		r.Lines = append(r.Lines, Portion{line.ItemID, line.Quantity})
	}
	return faults.Translate(err, nil)
}

// UpdateReturn writes how a return stands, one version on.
func (s *Store) UpdateReturn(ctx context.Context, r *Return) error {
	r.Version++
	return faults.Translate(s.db.Conn(ctx).Select("status", "note", "refund_id", "version", "updated_at").Updates(r).Error, nil)
}

// inReturns is how many pieces of a line are on their way back, or back.
type inReturns struct{ Open, Received int64 }

// Returning counts the pieces of an order that are in returns, by line; rejected ones do not count.
func (s *Store) Returning(ctx context.Context, order uuid.UUID) (map[uuid.UUID]inReturns, error) {
	var rows []struct {
		ItemID         uuid.UUID
		Open, Received int64
	}
	err := s.db.Conn(ctx).Raw(`SELECT item_id, coalesce(sum(quantity) FILTER (WHERE status <> 'received'), 0) AS open,
			coalesce(sum(quantity) FILTER (WHERE status = 'received'), 0) AS received
		FROM returns r JOIN return_lines l ON l.return_id = r.id WHERE order_id = ? AND status <> 'rejected' GROUP BY item_id`, order).Scan(&rows).Error
	byItem := make(map[uuid.UUID]inReturns, len(rows))
	for _, row := range rows {
		byItem[row.ItemID] = inReturns{row.Open, row.Received}
	}
	return byItem, faults.Translate(err, nil)
}

// ReturnsOver reports whether the last parcel of an order arrived (or, until that is known, left) longer ago than within.
func (s *Store) ReturnsOver(ctx context.Context, order uuid.UUID, within time.Duration) (over bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT coalesce(max(coalesce(delivered_at, shipped_at)) < now() - make_interval(secs => ?), false)
		FROM shipments WHERE order_id = ?`, within.Seconds(), order).Scan(&over).Error
	return over, faults.Translate(err, nil)
}
