package coupon

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/platform/database"
)

// Store is the only file of the package that speaks to the database.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db.WithConstraints(constraints)} }

var constraints = database.Constraints{"coupons_code_key": errTaken, "coupons_kind": errKind, "coupons_uses": errLimit}

const running = ` active AND (starts_at IS NULL OR starts_at <= now()) AND (ends_at IS NULL OR ends_at > now())`

// Running reads the coupon with a code, where it runs now.
func (s *Store) Running(ctx context.Context, code string) (c Coupon, found bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM coupons WHERE code = ? AND`+running, code).Scan(&c).Error
	return c, c.ID != uuid.Nil, err
}

// Automatic reads the coupons that run now and need no code.
func (s *Store) Automatic(ctx context.Context) (all []Coupon, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM coupons WHERE automatic AND` + running + ` ORDER BY id`).Scan(&all).Error
	return all, err
}

// Left reports whether the coupon, and this person, have a use left.
func (s *Store) Left(ctx context.Context, c Coupon, user uuid.UUID) (left bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT (max_uses IS NULL OR uses < max_uses) AND (max_uses_per_person IS NULL OR max_uses_per_person >
		coalesce((SELECT p.uses FROM coupon_people p WHERE p.coupon_id = id AND p.user_id = ?), 0)) FROM coupons WHERE id = ?`, user, c.ID).Scan(&left).Error
	return left, err
}

// Count counts one use by a person for an order; counted is false where the coupon, or this person, has none left. Each limit is
// a conditional update. The coupon's own row is written only where it has a limit, so that one without is no place where all
// buyers meet.
func (s *Store) Count(ctx context.Context, c Coupon, user, order uuid.UUID, typed bool) (counted bool, err error) {
	person := s.db.Conn(ctx).Exec(`INSERT INTO coupon_people AS p (coupon_id, user_id, uses) VALUES (?, ?, 1)
		ON CONFLICT (coupon_id, user_id) DO UPDATE SET uses = p.uses + 1 WHERE p.uses < coalesce(?::bigint, p.uses + 1)`,
		c.ID, user, c.MaxUsesPerPerson)
	if person.Error != nil || person.RowsAffected == 0 {
		return false, person.Error
	}
	use := `INSERT INTO coupon_uses (order_id, typed, coupon_id, user_id)
		SELECT ?, ?, id, ? FROM coupons WHERE id = ? AND max_uses IS NULL FOR KEY SHARE`
	if c.MaxUses != nil {
		use = `WITH order_of AS (SELECT ?::uuid AS order_id, ?::boolean AS typed, ?::uuid AS user_id),
			counted AS (UPDATE coupons SET uses = uses + 1 WHERE id = ? AND uses < max_uses RETURNING id)
			INSERT INTO coupon_uses (order_id, typed, coupon_id, user_id) SELECT order_id, typed, id, user_id FROM counted, order_of`
	}
	all := s.db.Conn(ctx).Exec(use, order, typed, user, c.ID)
	if all.Error != nil || all.RowsAffected == 1 {
		return true, all.Error
	}
	return false, s.db.Conn(ctx).Exec(`UPDATE coupon_people SET uses = uses - 1 WHERE coupon_id = ? AND user_id = ?`,
		c.ID, user).Error
}

// GiveBack uncounts an order's use.
func (s *Store) GiveBack(ctx context.Context, order uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`WITH gone AS (UPDATE coupon_uses SET given_back = true WHERE order_id = ? AND NOT given_back
			RETURNING coupon_id, user_id),
		person AS (UPDATE coupon_people p SET uses = p.uses - 1 FROM gone g WHERE p.coupon_id = g.coupon_id AND p.user_id = g.user_id)
		UPDATE coupons SET uses = uses - 1 FROM gone WHERE id = gone.coupon_id AND max_uses IS NOT NULL`, order).Error
}

// Recount counts a use again that was given back; counted is false where none is left. An order without such a use has nothing to count.
// After false the transaction has to be undone.
func (s *Store) Recount(ctx context.Context, order uuid.UUID) (counted bool, err error) {
	var use struct{ CouponID, UserID uuid.UUID }
	conn := s.db.Conn(ctx)
	err = conn.Raw(`UPDATE coupon_uses SET given_back = false WHERE order_id = ? AND given_back RETURNING coupon_id, user_id`, order).Scan(&use).Error
	if err != nil || use.CouponID == uuid.Nil {
		return err == nil, err
	}
	done := conn.Exec(`UPDATE coupon_people p SET uses = p.uses + 1 FROM coupons c
		WHERE c.id = p.coupon_id AND p.coupon_id = ? AND p.user_id = ? AND p.uses < coalesce(c.max_uses_per_person, p.uses + 1)`, use.CouponID, use.UserID)
	if done.Error != nil || done.RowsAffected == 0 {
		return false, done.Error
	}
	done = conn.Exec(`UPDATE coupons SET uses = uses + (max_uses IS NOT NULL)::int WHERE id = ? AND uses < coalesce(max_uses, uses + 1)`, use.CouponID)
	return done.RowsAffected == 1, done.Error
}

// Insert writes a new coupon.
func (s *Store) Insert(ctx context.Context, c *Coupon) error {
	return s.db.Conn(ctx).Create(c).Error
}

// Lock reads a coupon for a change, or returns errNotFound.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (c Coupon, err error) {
	err = s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&c, "id = ?", id).Error
	return c, database.OrNotFound(err, errNotFound)
}

// Limit begins to count a coupon that had no limit, from the uses that it has had.
func (s *Store) Limit(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`UPDATE coupons SET uses = (SELECT count(*) FROM coupon_uses WHERE coupon_id = ? AND NOT given_back) WHERE id = ?`,
		id, id).Error
}

// Update writes a coupon back, one version on.
func (s *Store) Update(ctx context.Context, c *Coupon) error {
	c.Version++
	return s.db.Conn(ctx).Select("*").Omit("id", "code", "uses", "created_at").Updates(c).Error
}

// shown are a coupon's columns with its uses counted, which its row does only where there is a limit.
const shown = `*, CASE WHEN max_uses IS NULL
	THEN (SELECT coalesce(sum(p.uses), 0) FROM coupon_people p WHERE p.coupon_id = coupons.id) ELSE uses END AS uses`

// ByID reads a coupon, or returns errNotFound.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (c Coupon, err error) {
	err = s.db.Conn(ctx).Select(shown).Take(&c, "id = ?", id).Error
	return c, database.OrNotFound(err, errNotFound)
}

// Page reads coupons, newest first, below the id given (the nil id: from the top).
func (s *Store) Page(ctx context.Context, below uuid.UUID, limit int) ([]Coupon, error) {
	q := s.db.Conn(ctx).Order("id DESC").Limit(limit).Select(shown)
	if below != uuid.Nil {
		q = q.Where("id < ?", below)
	}
	var rows []Coupon
	err := q.Find(&rows).Error
	return rows, err
}
