package deletion

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/modules/users/internal/user"
)

const (
	eraseBatch   = 100 // people a run
	followsBatch = 500 // follows a transaction
)

// EraseDue erases the accounts whose time has come. It can be interrupted and goes on at the next run; an error about one account does
// not keep the others.
func (s *Service) EraseDue(ctx context.Context) error {
	ids, err := s.store.findDue(ctx, eraseBatch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if failed := s.erase(ctx, id); failed != nil {
			err = errors.Join(err, fmt.Errorf("erase %s: %w", id, failed))
		}
	}
	return err
}

// erase removes the follows in small transactions, since each changes somebody else's counters, then everything else in one.
func (s *Service) erase(ctx context.Context, id uuid.UUID) error {
	if err := s.store.recordOwnStep(ctx, id, stepFollows, false); err != nil {
		return err
	}
	for {
		ended, err := s.graph.RemoveAll(ctx, id, followsBatch)
		if err != nil {
			return err
		}
		if ended == 0 {
			break
		}
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		u, due, err := s.store.lockDue(ctx, id)
		if err != nil || !due {
			return err
		}
		for _, step := range []string{stepFollows, stepProfile} {
			if err := s.store.recordOwnStep(ctx, id, step, true); err != nil {
				return err
			}
		}
		return s.anonymise(ctx, &u)
	})
}

// anonymise leaves only the id of a person, so that what must stay (orders) can refer to it.
func (s *Service) anonymise(ctx context.Context, u *user.User) error {
	now, err := s.users.Now(ctx)
	if err != nil {
		return err
	}
	if pictures := u.Pictures(); len(pictures) > 0 {
		if err := s.library.Release(ctx, pictures); err != nil {
			return err
		}
	}
	if err := s.users.KeepHandlesBack(ctx, u.ID); err != nil {
		return err
	}
	if err := s.store.deleteRows(ctx, u.ID); err != nil {
		return err
	}
	*u = user.User{
		ID: u.ID, Handle: "", DisplayName: "Deleted member", Roles: user.Words{}, IsPrivate: true, Version: u.Version + 1,
		SuspendedAt: u.SuspendedAt, EraseAt: u.EraseAt, ErasedAt: &now, CreatedAt: u.CreatedAt,
	}
	if err := s.users.Save(ctx, u); err != nil {
		return err
	}
	s.directory.Drop(ctx, u.ID)
	s.consents.Drop(ctx, u.ID)
	s.relations.DropAfterCommit(ctx, u.ID)
	return s.outbox.Publish(ctx, users.Deleted{UserID: u.ID})
}
