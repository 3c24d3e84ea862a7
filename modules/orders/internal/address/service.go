package address

import (
	"context"
	"errors"
	"reflect"

	"github.com/google/uuid"

	"atrium/platform/database"
	"atrium/platform/etag"
)

// Service has the address book's use cases.
type Service struct {
	db    *database.DB
	store *Store
}

func NewService(db *database.DB, store *Store) *Service { return &Service{db: db, store: store} }

// Page reads a person's addresses, newest first, below the id given (the nil id: from the top).
func (s *Service) Page(ctx context.Context, user, below uuid.UUID, limit int) ([]Address, error) {
	return s.store.Page(ctx, user, below, limit)
}

// Create adds an address. The first one becomes the default.
func (s *Service) Create(ctx context.Context, user uuid.UUID, to Snapshot, isDefault bool) (Address, error) {
	if err := to.clean(); err != nil {
		return Address{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Address{}, err
	}
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

// Read returns a person's address, or errNotFound.
func (s *Service) Read(ctx context.Context, user, id uuid.UUID) (Address, error) {
	return s.store.ByID(ctx, user, id)
}

// Edit changes an address. One that it leaves as it is keeps its version.
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
		before := a
		a.apply(c)
		if err := a.clean(); err != nil || reflect.DeepEqual(before, a) {
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
	if err != nil {
		return Snapshot{}, err
	}
	if a.Country, err = country(a.Country); err != nil { // written by an earlier release
		return Snapshot{}, errNowhere
	}
	return a.Snapshot, nil
}

// Default returns the copy of a person's default address; there is false where there is none that can be delivered to.
func (s *Service) Default(ctx context.Context, user uuid.UUID) (to Snapshot, there bool, err error) {
	a, there, err := s.store.Default(ctx, user)
	if err != nil || !there {
		return Snapshot{}, false, err
	}
	if a.Country, err = country(a.Country); err != nil { // written by an earlier release
		return Snapshot{}, false, nil //nolint:nilerr // an address of nowhere is none
	}
	return a.Snapshot, true, nil
}

// Forget removes a person's addresses, in the transaction open in ctx.
func (s *Service) Forget(ctx context.Context, user uuid.UUID) error { return s.store.Forget(ctx, user) }
