package stock

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/platform/database"
)

// Store changes levels and writes the ledger.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db.WithConstraints(constraints)} }

var constraints = database.Constraints{"product_variants_on_hand": ErrTooLow, "product_variants_reserved": ErrTooLow}

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
	if err := done.Error; err != nil || level.ProductID == uuid.Nil {
		return level, false, err
	}
	return level, true, s.book(ctx, entry{kind: m.kind, variant: variant, onHand: m.onHand * quantity, reserved: m.reserved * quantity, reference: &reference})
}

// Adjust changes what is on hand, and writes the ledger.
func (s *Store) Adjust(ctx context.Context, variant uuid.UUID, delta int64, reason string, actor uuid.UUID) (Level, error) {
	var level Level
	err := s.db.Conn(ctx).Raw(`UPDATE product_variants SET on_hand = on_hand + ? WHERE id = ? AND deleted_at IS NULL
		RETURNING product_id, on_hand, reserved`, delta, variant).Scan(&level).Error
	if err != nil {
		return level, err
	}
	if level.ProductID == uuid.Nil {
		return level, product.ErrVariantNotFound
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
	return s.db.Conn(ctx).Exec(`INSERT INTO stock_movements
		(id, variant_id, kind, on_hand_delta, reserved_delta, reason, reference, actor_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		id, e.variant, e.kind, e.onHand, e.reserved, e.reason, e.reference, e.actor).Error
}

// CountAll sets what is on hand, and writes the ledger: by two statements for all.
func (s *Store) CountAll(ctx context.Context, counts []Count, reason string, actor uuid.UUID) error {
	if len(counts) == 0 {
		return nil
	}
	ids, variants, deltas, moved := make([]uuid.UUID, len(counts)), make([]uuid.UUID, len(counts)), make([]int64, len(counts)), make([]int64, len(counts))
	for i, c := range counts {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		ids[i], variants[i], deltas[i] = id, c.Variant, c.OnHand-c.Before
		if !c.New {
			moved[i] = deltas[i]
		}
	}
	err := s.db.Conn(ctx).Exec(`UPDATE product_variants v SET on_hand = on_hand + c.delta
		FROM (SELECT id, sum(delta)::bigint AS delta FROM unnest(?::uuid[], ?::bigint[]) AS c (id, delta) WHERE delta <> 0 GROUP BY id) c WHERE v.id = c.id`,
		database.Array(variants), database.Array(moved)).Error
	if err != nil {
		return err
	}
	return s.db.Conn(ctx).Exec(`INSERT INTO stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta, reason, actor_id)
		SELECT id, variant, 'adjust', delta, 0, ?, ? FROM unnest(?::uuid[], ?::uuid[], ?::bigint[]) AS c (id, variant, delta)`,
		reason, actor, database.Array(ids), database.Array(variants), database.Array(deltas)).Error
}
