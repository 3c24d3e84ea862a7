// Package coupon takes something off an order's price, as often as was planned and no more often.
package coupon

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/money"
)

var (
	errNotFound = fault.NotFound("orders.coupon_not_found", "There is no such coupon.")
	errTaken    = fault.Conflict("orders.coupon_taken", "There is a coupon with this code.")
	errInvalid  = fault.Invalid("orders.coupon_invalid", "This coupon cannot be used for this cart.",
		fault.Field{Pointer: "/body/coupon", Detail: "is unknown, over, or not for this cart"})
	// ErrExhausted: the coupon, or the person's share of it, has no use left.
	ErrExhausted = fault.Conflict("orders.coupon_exhausted", "This coupon has been used up.")
	errKind      = fault.Invalid("orders.coupon_kind", "A coupon is either a percentage or an amount.",
		fault.Field{Pointer: "/body/percent", Detail: "give percent or amount, not both"})
	errCurrency = fault.Invalid("orders.coupon_currency", "The currencies of a coupon differ.",
		fault.Field{Pointer: "/body/min_subtotal/currency", Detail: "must be that of amount"})
	errUnknownCurrency = fault.Invalid("orders.coupon_currency", "Nobody pays in this currency.",
		fault.Field{Pointer: "/body/amount/currency", Detail: "must be a currency of ISO 4217 that is in circulation"})
	errPeriod = fault.Invalid("orders.coupon_period", "A coupon ends after it has started.",
		fault.Field{Pointer: "/body/ends_at", Detail: "must be after starts_at"})
	errLimit = fault.Conflict("orders.coupon_limit", "It has been used more often than that already.")
)

// Coupon is a row of coupons: it takes off PercentBP basis points, or Amount. An automatic one needs no code to be named.
type Coupon struct {
	ID               uuid.UUID `gorm:"type:uuid;primaryKey"`
	Code             string
	PercentBP        *int64 `gorm:"column:percent_bp"`
	Amount           *int64
	Currency         *string
	MinSubtotal      int64
	StartsAt         *time.Time
	EndsAt           *time.Time
	MaxUses          *int64
	MaxUsesPerPerson *int64
	Uses             int64
	Active           bool
	Automatic        bool
	Version          int64
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// Discount is what the coupon takes off a subtotal: never more than all of it. A percentage is rounded to the nearest minor unit.
func (c Coupon) Discount(subtotal money.Money) money.Money {
	if c.Amount != nil {
		return money.Of(min(*c.Amount, subtotal.Amount), subtotal.Currency)
	}
	return subtotal.Split([]int64{*c.PercentBP, 10_000 - *c.PercentBP})[0]
}

func (c Coupon) checkPeriod() error {
	if c.StartsAt != nil && c.EndsAt != nil && !c.EndsAt.After(*c.StartsAt) {
		return errPeriod
	}
	return nil
}

func (c Coupon) fits(subtotal money.Money) bool {
	return (c.Currency == nil || *c.Currency == subtotal.Currency) && subtotal.Amount >= c.MinSubtotal
}

// Service has the coupons' use cases.
type Service struct {
	db    *database.DB
	store *Store
}

// NewService makes a Service.
func NewService(db *database.DB, store *Store) *Service { return &Service{db: db, store: store} }

// Use counts one use of a coupon for an order, in the transaction open in ctx, and returns what it takes off the subtotal. An
// order has one coupon. Without a code it is the automatic one that takes off most and has a use left for this person, if any.
func (s *Service) Use(ctx context.Context, code string, user, order uuid.UUID, subtotal money.Money) (money.Money, error) {
	if code = clean(code); code == "" {
		return s.useBest(ctx, user, order, subtotal)
	}
	c, found, err := s.store.Running(ctx, code)
	if err != nil {
		return money.Money{}, err
	}
	if !found || !c.fits(subtotal) {
		return money.Money{}, errInvalid
	}
	counted, err := s.store.Count(ctx, c, user, order)
	if err == nil && !counted {
		err = ErrExhausted
	}
	return c.Discount(subtotal), err
}

func (s *Service) useBest(ctx context.Context, user, order uuid.UUID, subtotal money.Money) (money.Money, error) {
	running, err := s.store.Automatic(ctx)
	if err != nil {
		return money.Money{}, err
	}
	running = slices.DeleteFunc(running, func(c Coupon) bool { return !c.fits(subtotal) || c.Discount(subtotal).Amount == 0 })
	slices.SortStableFunc(running, func(a, b Coupon) int {
		return cmp.Compare(b.Discount(subtotal).Amount, a.Discount(subtotal).Amount)
	})
	for _, c := range running {
		if counted, err := s.store.Count(ctx, c, user, order); err != nil || counted {
			return c.Discount(subtotal), err
		}
	}
	return money.Of(0, subtotal.Currency), nil
}

// GiveBack uncounts an order's use, if it has one, in the transaction open in ctx.
func (s *Service) GiveBack(ctx context.Context, order uuid.UUID) error {
	return s.store.GiveBack(ctx, order)
}

// UseAgain counts the use that an order gave back, in the transaction open in ctx, or returns ErrExhausted where others took it meanwhile.
func (s *Service) UseAgain(ctx context.Context, order uuid.UUID) error {
	counted, err := s.store.Recount(ctx, order)
	if err == nil && !counted {
		return ErrExhausted
	}
	return err
}

// Page reads coupons, newest first, below the id given (the nil id: from the top).
func (s *Service) Page(ctx context.Context, below uuid.UUID, limit int) ([]Coupon, error) {
	return s.store.Page(ctx, below, limit)
}

// Read returns a coupon, or errNotFound.
func (s *Service) Read(ctx context.Context, id uuid.UUID) (Coupon, error) {
	return s.store.ByID(ctx, id)
}

// Create makes a coupon.
func (s *Service) Create(ctx context.Context, c Coupon) (Coupon, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Coupon{}, err
	}
	if (c.PercentBP == nil) == (c.Amount == nil) {
		return Coupon{}, errKind
	}
	if c.Currency != nil && !money.Circulates(*c.Currency) {
		return Coupon{}, errUnknownCurrency
	}
	if err := c.checkPeriod(); err != nil {
		return Coupon{}, err
	}
	c.ID, c.Code, c.Version = id, clean(c.Code), 1
	return c, s.store.Insert(ctx, &c)
}

// Change is an edit: nil leaves a value as it is, a pointer to nil takes an end or a limit away.
type Change struct {
	Active           *bool
	EndsAt           **time.Time
	MaxUses          **int64
	MaxUsesPerPerson **int64
}

// changes reports whether the coupon is another after the edit.
func (c Change) changes(coupon Coupon) bool {
	differs := func(to **int64, from *int64) bool { return to != nil && !reflect.DeepEqual(*to, from) }
	end := c.EndsAt != nil && !sameMoment(*c.EndsAt, coupon.EndsAt)
	return end || c.Active != nil && *c.Active != coupon.Active || differs(c.MaxUses, coupon.MaxUses) || differs(c.MaxUsesPerPerson, coupon.MaxUsesPerPerson)
}

// sameMoment compares moments as finely as they are kept.
func sameMoment(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond))
}

// Edit changes a coupon. One that it leaves as it is keeps its version.
func (s *Service) Edit(ctx context.Context, id uuid.UUID, match etag.Match, change Change) (Coupon, error) {
	var c Coupon
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if c, err = s.store.Lock(ctx, id); err != nil {
			return err
		}
		if err := match.Check(c.Version); err != nil || !change.changes(c) {
			return err
		}
		if change.Active != nil {
			c.Active = *change.Active
		}
		if change.EndsAt != nil {
			c.EndsAt = *change.EndsAt
			if err := c.checkPeriod(); err != nil {
				return err
			}
		}
		if change.MaxUses != nil {
			if c.MaxUses == nil && *change.MaxUses != nil {
				if err := s.store.Limit(ctx, id); err != nil {
					return err
				}
			}
			c.MaxUses = *change.MaxUses
		}
		if change.MaxUsesPerPerson != nil {
			c.MaxUsesPerPerson = *change.MaxUsesPerPerson
		}
		return s.store.Update(ctx, &c)
	})
	return c, err
}

func clean(code string) string { return strings.ToUpper(strings.TrimSpace(code)) }
