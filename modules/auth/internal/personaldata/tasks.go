package personaldata

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/audit"
	"atrium/modules/users"
	"atrium/platform/tasks"
)

// Handlers are the package's subscriptions.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("auth.user_deleted", s.userDeleted, tasks.Lasting()),
		tasks.Subscriber("auth.export_requested", s.exportRequested),
	}
}

// Schedules are the package's periodic work.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "auth.prune", Every: time.Hour, Run: s.Prune}}
}

// userDeleted ends the sessions of an erased user and unlinks the identities, whose tokens Apple wants revoked.
func (s *Service) userDeleted(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
	if err := s.revoker.RevokeAll(ctx, e.UserID, auth.Cause{Reason: auth.ReasonErasure}); err != nil {
		return err
	}
	return s.identities.UnlinkAll(ctx, e.UserID)
}

func (s *Service) exportRequested(ctx context.Context, _ uuid.UUID, e users.ExportRequested) error {
	return s.log.Record(ctx, audit.Entry{UserID: e.UserID, Event: audit.ExportRequested, Detail: e.ExportID.String()})
}
