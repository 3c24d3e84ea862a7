// Package coupon takes something off an order's price, as often as was planned and no more often.
package coupon

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/money"
	"atrium/platform/text"
)

// maxName is how many characters the name of a coupon has at most.
const maxName = 80

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
	errName  = fault.Invalid("orders.coupon_name", "The name of a coupon cannot be saved like this.")
	errLimit = fault.Conflict("orders.coupon_limit", "It has been used more often than that already.")
)

// Coupon is a row of coupons: it takes off PercentBP basis points, or Amount. An automatic one needs no code to be named.
type Coupon struct {
	ID               uuid.UUID `gorm:"type:uuid;primaryKey"`
	Code             string
	Name             string // how people are told of it; empty: by its code
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

func NewService(db *database.DB, store *Store) *Service { return &Service{db: db, store: store} }

// Use counts one use of a coupon for an order, in the transaction open in ctx, and returns what it takes off the subtotal. An
// order has one coupon: the one that takes off most, be it the typed one or one that needs no code, and has a use left for this person. A typed one that
// is unknown is errInvalid, one that would be the best and is used up is ErrExhausted.
func (s *Service) Use(ctx context.Context, code string, user, order uuid.UUID, subtotal money.Money) (Taken, error) {
	typed, err := s.typed(ctx, code, subtotal)
	if err != nil {
		return Taken{}, err
	}
	candidates, err := s.candidates(ctx, typed, subtotal)
	if err != nil {
		return Taken{}, err
	}
	for _, c := range candidates {
		counted, err := s.store.Count(ctx, c.Coupon, user, order, c.typed)
		if err == nil && !counted && c.typed {
			err = ErrExhausted
		}
		if err != nil || counted {
			return c.take(subtotal), err
		}
	}
	return nothing(subtotal), nil
}

// Preview is Use at this moment, without counting anything. A typed coupon that could not be used is the refusal, beside what would be
// taken off without it.
func (s *Service) Preview(ctx context.Context, code string, user uuid.UUID, subtotal money.Money) (taken Taken, refusal *fault.Error, err error) {
	typed, err := s.typed(ctx, code, subtotal)
	if errors.Is(err, errInvalid) {
		refusal, err = errInvalid, nil
	}
	if err != nil {
		return Taken{}, nil, err
	}
	candidates, err := s.candidates(ctx, typed, subtotal)
	if err != nil {
		return Taken{}, nil, err
	}
	for _, c := range candidates {
		left, err := s.store.Left(ctx, c.Coupon, user)
		if err != nil || left {
			return c.take(subtotal), refusal, err
		}
		if c.typed {
			refusal = ErrExhausted
		}
	}
	return nothing(subtotal), refusal, nil
}

// Promotion names what took something off an order.
type Promotion struct {
	Code *string `json:"code" doc:"null where none was typed"`
	Name string  `json:"name" example:"SPRING10"`
}

// SchemaName is its name in the OpenAPI document.
func (Promotion) SchemaName() string { return "Promotion" }

// Taken is what is taken off a subtotal, and by which promotion; nil for none.
type Taken struct {
	Discount  money.Money
	Promotion *Promotion
}

func nothing(subtotal money.Money) Taken { return Taken{Discount: money.Of(0, subtotal.Currency)} }

// candidate is a coupon that fits.
type candidate struct {
	Coupon
	typed bool
}

func (c candidate) take(subtotal money.Money) Taken {
	p := &Promotion{Name: cmp.Or(c.Name, c.Code)}
	if c.typed {
		p.Code = &c.Code
	}
	return Taken{c.Discount(subtotal), p}
}

// typed finds the coupon whose code was typed; nil for none, errInvalid for one that is not for this subtotal.
func (s *Service) typed(ctx context.Context, code string, subtotal money.Money) (*Coupon, error) {
	if code = clean(code); code == "" {
		return nil, nil //nolint:nilnil // nothing was typed
	}
	c, found, err := s.store.Running(ctx, code)
	if err == nil && (!found || !c.fits(subtotal)) {
		err = errInvalid
	}
	return &c, err
}

// candidates are the coupons that fit, the best first; of equals the typed one.
func (s *Service) candidates(ctx context.Context, typed *Coupon, subtotal money.Money) (all []candidate, err error) {
	if typed != nil && typed.ID != uuid.Nil && typed.fits(subtotal) {
		all = append(all, candidate{*typed, true})
	}
	running, err := s.store.Automatic(ctx)
	for _, c := range running {
		if c.fits(subtotal) && c.Discount(subtotal).Amount > 0 && (typed == nil || typed.ID != c.ID) {
			all = append(all, candidate{c, false})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Compare(b.Discount(subtotal).Amount, a.Discount(subtotal).Amount)
	})
	return all, err
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
	if err := errors.Join(c.checkPeriod(), text.Clean(errName, text.Input{Pointer: "/body/name", Text: &c.Name, Limit: maxName})); err != nil {
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

// widens reports whether a change lets a coupon be used more often, longer or again.
func (c Change) widens(coupon Coupon) bool {
	more := func(was *int64, to **int64) bool { return to != nil && was != nil && (*to == nil || **to > *was) }
	later := c.EndsAt != nil && coupon.EndsAt != nil && (*c.EndsAt == nil || (*c.EndsAt).After(*coupon.EndsAt))
	return c.Active != nil && *c.Active && !coupon.Active || later || more(coupon.MaxUses, c.MaxUses) || more(coupon.MaxUsesPerPerson, c.MaxUsesPerPerson)
}

// Edit changes a coupon; one that it leaves as it is keeps its version. What widens it is done only where mayWiden returns no error.
func (s *Service) Edit(ctx context.Context, id uuid.UUID, match etag.Match, change Change, mayWiden func() error) (Coupon, error) {
	var c Coupon
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if c, err = s.store.Lock(ctx, id); err != nil {
			return err
		}
		if err := match.Check(c.Version); err != nil || !change.changes(c) {
			return err
		}
		if change.widens(c) {
			if err := mayWiden(); err != nil {
				return err
			}
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
