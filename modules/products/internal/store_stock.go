package internal

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products"
)

// movement is one kind of change of a variant's stock, in pieces for each piece asked for.
type movement struct {
	kind             string
	onHand, reserved int64
}

var (
	reserve = movement{"reserve", 0, 1}
	release = movement{"release", 0, -1}
	sell    = movement{"sell", -1, -1}
	restock = movement{"restock", 1, 0}
)

// Level is a variant's stock.
type Level struct {
	ProductID uuid.UUID
	OnHand    int64
	Reserved  int64
}

func (l Level) available() int64 { return l.OnHand - l.Reserved }

// Move moves a variant's stock and writes the ledger. ok is false where the variant has less to reserve than asked for, or
// is deleted; nothing has moved then. What would take a level below zero is a fault by constraint: it cannot happen to
// callers that keep the promise of products.Stock.
func (s *Store) Move(ctx context.Context, m movement, variant uuid.UUID, quantity int64, reference uuid.UUID) (level Level, ok bool, err error) {
	condition := ""
	values := []any{m.onHand * quantity, m.reserved * quantity, variant}
	if m == reserve {
		condition = " AND on_hand - reserved >= ? AND deleted_at IS NULL"
		values = append(values, quantity)
	}
	done := s.db.Conn(ctx).Raw(`UPDATE product_variants SET on_hand = on_hand + ?, reserved = reserved + ?
		WHERE id = ?`+condition+` RETURNING product_id, on_hand, reserved`, values...).Scan(&level)
	if err := faults.Translate(done.Error, nil); err != nil || level.ProductID == uuid.Nil {
		return level, false, err
	}
	return level, true, s.book(ctx, entry{kind: m.kind, variant: variant, onHand: m.onHand * quantity, reserved: m.reserved * quantity, reference: &reference})
}

// Adjust changes what is on hand, and writes the ledger.
func (s *Store) Adjust(ctx context.Context, variant uuid.UUID, delta int64, reason string, actor uuid.UUID) (Level, error) {
	var level Level
	err := s.db.Conn(ctx).Raw(`UPDATE product_variants SET on_hand = on_hand + ? WHERE id = ? AND deleted_at IS NULL
		RETURNING product_id, on_hand, reserved`, delta, variant).Scan(&level).Error
	if err := faults.Translate(err, nil); err != nil {
		return level, err
	}
	if level.ProductID == uuid.Nil {
		return level, errVariantNotFound
	}
	return level, s.book(ctx, entry{kind: "adjust", variant: variant, onHand: delta, reason: reason, actor: &actor})
}

// entry is a row of the ledger.
type entry struct {
	kind             string
	variant          uuid.UUID
	onHand, reserved int64
	reason           string
	reference, actor *uuid.UUID
}

func (s *Store) book(ctx context.Context, e entry) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return faults.Translate(s.db.Conn(ctx).Exec(`INSERT INTO stock_movements
		(id, variant_id, kind, on_hand_delta, reserved_delta, reason, reference, actor_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		id, e.variant, e.kind, e.onHand, e.reserved, e.reason, e.reference, e.actor).Error, nil)
}

// Levels reads what can be reserved now; a deleted variant has nothing.
func (s *Store) Levels(ctx context.Context, variants []uuid.UUID) (map[uuid.UUID]int64, error) {
	offers, err := s.Offers(ctx, variants)
	if err != nil {
		return nil, err
	}
	available := make(map[uuid.UUID]int64, len(variants))
	for _, id := range variants {
		available[id] = offers[id].Available
	}
	return available, nil
}

// summed adds up the lines of one variant and puts variants in id order: whoever moves several takes the locks in one order.
func summed(lines []products.Line) []products.Line {
	quantities := make(map[uuid.UUID]int64, len(lines))
	for _, l := range lines {
		quantities[l.VariantID] += l.Quantity
	}
	sum := make([]products.Line, 0, len(quantities))
	for id, quantity := range quantities {
		sum = append(sum, products.Line{VariantID: id, Quantity: quantity})
	}
	slices.SortFunc(sum, func(a, b products.Line) int { return slices.Compare(a.VariantID[:], b.VariantID[:]) })
	return sum
}
