package coupon

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/platform/database"
)

// Store is the only file of the package that speaks to the database.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

var faults = database.Faults{"coupons_code_key": errTaken, "coupons_kind": errKind, "coupons_uses": errLimit}

// Count counts one use, where the coupon runs now and has one left; the row stays locked until the transaction ends.
func (s *Store) Count(ctx context.Context, code string) (c Coupon, found bool, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE coupons SET uses = uses + 1 WHERE code = ? AND active AND (max_uses IS NULL OR uses < max_uses)
		AND (starts_at IS NULL OR starts_at <= now()) AND (ends_at IS NULL OR ends_at > now()) RETURNING *`, code).Scan(&c).Error
	return c, c.ID != uuid.Nil, faults.Translate(err, nil)
}

// UsedUp reports whether the coupon is there and runs, but has no use left.
func (s *Store) UsedUp(ctx context.Context, code string) (yes bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM coupons WHERE code = ? AND active AND uses >= max_uses
		AND (starts_at IS NULL OR starts_at <= now()) AND (ends_at IS NULL OR ends_at > now()))`, code).Scan(&yes).Error
	return yes, faults.Translate(err, nil)
}

// UsesOf counts a person's uses.
func (s *Store) UsesOf(ctx context.Context, coupon, user uuid.UUID) (n int64, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT count(*) FROM coupon_uses WHERE coupon_id = ? AND user_id = ?`, coupon, user).Scan(&n).Error
	return n, faults.Translate(err, nil)
}

// Record notes which order used the coupon.
func (s *Store) Record(ctx context.Context, coupon, user, order uuid.UUID) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`INSERT INTO coupon_uses (order_id, coupon_id, user_id) VALUES (?, ?, ?)`,
		order, coupon, user).Error, nil)
}

// GiveBack removes an order's use and uncounts it.
func (s *Store) GiveBack(ctx context.Context, order uuid.UUID) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`WITH gone AS (DELETE FROM coupon_uses WHERE order_id = ? RETURNING coupon_id)
		UPDATE coupons SET uses = uses - 1 FROM gone WHERE id = gone.coupon_id`, order).Error, nil)
}

// Insert writes a new coupon.
func (s *Store) Insert(ctx context.Context, c *Coupon) error {
	return faults.Translate(s.db.Conn(ctx).Create(c).Error, nil)
}

// Lock reads a coupon for a change, or returns errNotFound.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (c Coupon, err error) {
	err = s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&c, "id = ?", id).Error
	return c, faults.Translate(err, errNotFound)
}

// Update writes a coupon back, one version on.
func (s *Store) Update(ctx context.Context, c *Coupon) error {
	c.Version++
	return faults.Translate(s.db.Conn(ctx).Select("*").Omit("id", "code", "uses", "created_at").Updates(c).Error, nil)
}

// Page reads coupons, newest first, below the id given (the nil id: from the top).
func (s *Store) Page(ctx context.Context, below uuid.UUID, limit int) ([]Coupon, error) {
	q := s.db.Conn(ctx).Order("id DESC").Limit(limit)
	if below != uuid.Nil {
		q = q.Where("id < ?", below)
	}
	var rows []Coupon
	return rows, faults.Translate(q.Find(&rows).Error, nil)
}
