package internal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/identity"
	"atrium/platform/tasks"
)

// Handlers are what the module does when something happened.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("auth.user_locked", s.userLocked, tasks.Queue("critical")),
		tasks.Subscriber("auth.user_deleted", s.userDeleted, tasks.Lasting()),
		tasks.Subscriber("auth.roles_changed", s.rolesChanged, tasks.Queue("critical")),
		tasks.Subscriber("auth.export_requested", func(ctx context.Context, _ uuid.UUID, e users.ExportRequested) error {
			return s.log(ctx, "export_requested", e.UserID, nil, e.ExportID.String())
		}),
		tasks.Job(s.GiveBack),
	}
}

// Schedules are what it does every so often.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "auth.rotate_keys", Every: time.Hour, Run: s.keys.RotateDue},
		{Name: "auth.prune", Every: time.Hour, Run: s.Prune},
	}
}

func (s *Service) userLocked(ctx context.Context, _ uuid.UUID, e users.Locked) error {
	return s.RevokeAll(ctx, e.UserID, e.Reason)
}

// userDeleted forgets how somebody signed in; at Apple that must be told.
func (s *Service) userDeleted(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
	if err := s.RevokeAll(ctx, e.UserID, "erasure"); err != nil {
		return err
	}
	all, err := s.store.lockIdentities(ctx, e.UserID)
	if err != nil {
		return err
	}
	for i := range all {
		if err := s.detach(ctx, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

// rolesChanged makes the person's access tokens with the old roles worthless; refreshing brings the new ones.
func (s *Service) rolesChanged(ctx context.Context, _ uuid.UUID, e users.RolesChanged) error {
	all, err := s.store.lockLiving(ctx, e.UserID)
	if err != nil {
		return err
	}
	var ids []uuid.UUID
	admin := identity.Principal{Roles: e.Roles}.Has(identity.RoleAdmin)
	for i := range all {
		if all[i].Kind == kindAdmin && !admin {
			if err := s.finish(ctx, &all[i], endedByOwner); err != nil {
				return err
			}
			continue
		}
		ids = append(ids, all[i].ID)
	}
	if err := s.log(ctx, "roles_changed", e.UserID, nil, ""); err != nil {
		return err
	}
	return s.revoked.Renew(ctx, e.At, ids...)
}

// Prune deletes what is over.
func (s *Service) Prune(ctx context.Context) error {
	return s.store.prune(ctx, s.now(), s.now().Add(-s.cfg.AuditFor))
}
