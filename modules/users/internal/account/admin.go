package account

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/users"
	"atrium/modules/users/internal/user"
	"atrium/platform/identity"
)

// Suspend ends the sessions of an account and refuses new ones until it is reinstated; by is the admin who does it.
func (s *Service) Suspend(ctx context.Context, id, by uuid.UUID) error {
	return s.directory.Update(ctx, id, func(ctx context.Context, u *user.User) error {
		if u.SuspendedAt != nil {
			return nil
		}
		now, err := s.users.Now(ctx)
		if err != nil {
			return err
		}
		u.SuspendedAt = &now
		if err := s.sessions.RevokeAll(ctx, id, auth.Cause{By: by, Reason: "suspended"}); err != nil {
			return err
		}
		if err := s.directory.HidePictures(ctx, u); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, users.Locked{UserID: id, Reason: "suspended"})
	})
}

// Reinstate ends a suspension.
func (s *Service) Reinstate(ctx context.Context, id uuid.UUID) error {
	return s.directory.Update(ctx, id, func(ctx context.Context, u *user.User) error {
		if u.SuspendedAt == nil {
			return nil
		}
		u.SuspendedAt = nil
		if u.IsLocked() {
			return nil
		}
		if err := s.directory.ShowPictures(ctx, u); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, users.Returned{UserID: id})
	})
}

// SetRoles gives a person exactly these roles, besides being a user; by is the admin who does it.
func (s *Service) SetRoles(ctx context.Context, id uuid.UUID, wanted []string, by uuid.UUID) (users.Me, error) {
	err := s.directory.Update(ctx, id, func(ctx context.Context, u *user.User) error {
		return s.setRoles(ctx, u, slices.DeleteFunc(slices.Clone(wanted), func(r string) bool { return r == identity.RoleUser }), by)
	})
	if err != nil {
		return users.Me{}, err
	}
	return s.Me(ctx, id)
}

// Grant implements users.Accounts and users.Admin.
func (s *Service) Grant(ctx context.Context, id uuid.UUID, role string) error {
	if role == identity.RoleUser {
		return nil
	}
	return s.directory.Update(ctx, id, func(ctx context.Context, u *user.User) error {
		return s.setRoles(ctx, u, append(slices.Clone(u.Roles), role), uuid.Nil)
	})
}

func (s *Service) setRoles(ctx context.Context, u *user.User, wanted []string, by uuid.UUID) error {
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	if slices.Equal(wanted, u.Roles) {
		return nil
	}
	u.Roles = wanted
	if err := s.sessions.RolesChanged(ctx, u.ID, user.AllRoles(u.Roles), by); err != nil {
		return err
	}
	now, err := s.users.Now(ctx)
	if err != nil {
		return err
	}
	return s.outbox.Publish(ctx, users.RolesChanged{UserID: u.ID, Roles: user.AllRoles(u.Roles), At: now})
}

// FindByEmail implements users.Admin.
func (s *Service) FindByEmail(ctx context.Context, email string) ([]users.Account, error) {
	found, err := s.users.FindByEmail(ctx, strings.TrimSpace(email))
	accounts := make([]users.Account, 0, len(found))
	for _, u := range found {
		accounts = append(accounts, u.Account())
	}
	return accounts, err
}

// Find implements users.Admin.
func (s *Service) Find(ctx context.Context, id uuid.UUID) (users.Account, error) {
	u, err := s.users.Find(ctx, id)
	if err != nil || u.Gone {
		return users.Account{}, orNotFound(err)
	}
	return u.Account(), nil
}
