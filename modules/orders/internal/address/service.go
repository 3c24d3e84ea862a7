package address

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/platform/database"
	"atrium/platform/etag"
)

// Service has the address book's use cases.
type Service struct {
	db    *database.DB
	store *Store
}

// NewService makes a Service.
func NewService(db *database.DB, store *Store) *Service { return &Service{db: db, store: store} }

// Create adds an address. The first one becomes the default.
func (s *Service) Create(ctx context.Context, user uuid.UUID, to Snapshot, isDefault bool) (Address, error) {
	if err := to.check(); err != nil {
		return Address{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Address{}, err
	}
	to.Line2, to.Region, to.Phone = optional(to.Line2), optional(to.Region), optional(to.Phone)
	a := Address{ID: id, UserID: user, Snapshot: to, Version: 1}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Lock(ctx, user); err != nil {
			return err
		}
		n, err := s.store.Count(ctx, user)
		if err != nil {
			return err
		}
		if n >= maxAddresses {
			return errFull
		}
		a.IsDefault = isDefault || n == 0
		if a.IsDefault {
			if err := s.store.Undefault(ctx, user, id); err != nil {
				return err
			}
		}
		return s.store.Insert(ctx, &a)
	})
	return a, err
}

// Edit changes an address.
func (s *Service) Edit(ctx context.Context, user, id uuid.UUID, match etag.Match, c Change) (Address, error) {
	var a Address
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if err := s.store.Lock(ctx, user); err != nil {
			return err
		}
		if a, err = s.store.ByID(ctx, user, id); err != nil {
			return err
		}
		if err := match.Check(a.Version); err != nil {
			return err
		}
		a.apply(c)
		if err := a.check(); err != nil {
			return err
		}
		if a.IsDefault {
			if err := s.store.Undefault(ctx, user, id); err != nil {
				return err
			}
		}
		return s.store.Update(ctx, &a)
	})
	return a, err
}

// Delete removes an address.
func (s *Service) Delete(ctx context.Context, user, id uuid.UUID) error {
	return s.store.Delete(ctx, user, id)
}

// Copy returns what an order keeps of a person's address; another's is refused with its pointer in the request's body.
func (s *Service) Copy(ctx context.Context, user, id uuid.UUID) (Snapshot, error) {
	a, err := s.store.ByID(ctx, user, id)
	if errors.Is(err, errNotFound) {
		return Snapshot{}, errUnknown
	}
	return a.Snapshot, err
}

// Forget removes a person's addresses, in the transaction open in ctx.
func (s *Service) Forget(ctx context.Context, user uuid.UUID) error { return s.store.Forget(ctx, user) }
