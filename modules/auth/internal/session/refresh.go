package session

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/audit"
	"atrium/modules/auth/internal/throttle"
	"atrium/modules/users"
)

// Refresh exchanges a refresh token for the session's next tokens. Of any number of concurrent refreshes one rotates the token
// and all get its successor. It returns auth.ErrInvalidRefresh, users.ErrSuspended, or auth.ErrRefreshReused, which ends the
// session.
func (s *Service) Refresh(ctx context.Context, token string, from throttle.Origin) (tokens Tokens, err error) {
	err = s.throttle.Guard(ctx, from.Address, func() error {
		id, generation, ok := s.refreshTokens.open(token)
		if !ok {
			return auth.ErrInvalidRefresh
		}
		refreshed, roles, err := s.refresh(ctx, id, generation, from.Place)
		if err != nil {
			return err
		}
		tokens, err = s.Issue(ctx, refreshed, roles)
		return err
	})
	return tokens, err
}

// refresh locks the person before the session, as suspending an account does: so the two cannot deadlock.
func (s *Service) refresh(ctx context.Context, id uuid.UUID, generation int64, place string) (refreshed Session, roles []string, err error) {
	var refusal error // kept outside the transaction, which commits the end of a session
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		refusal = nil
		if refreshed, err = s.store.session(ctx, id); err != nil {
			return invalidIf(err, auth.ErrSessionNotFound)
		}
		standing, err := s.accounts.Standing(ctx, refreshed.UserID)
		if err != nil {
			return invalidIf(err, users.ErrNotFound)
		}
		roles = standing.Roles
		if refreshed, err = s.store.lockSession(ctx, id); err != nil {
			return invalidIf(err, auth.ErrSessionNotFound)
		}
		if err := s.refreshable(&refreshed, standing); err != nil {
			return err
		}
		err = refreshed.rotate(generation, s.now(), s.cfg.RefreshTTL)
		switch {
		case errors.Is(err, auth.ErrRefreshReused):
			refusal = err
			return s.revoker.revoke(ctx, &refreshed, auth.Cause{Reason: auth.ReasonReuse})
		case err != nil:
			return err
		}
		if place != "" {
			refreshed.Place = place
		}
		if err := s.store.saveSession(ctx, &refreshed); err != nil || refreshed.Generation == generation {
			return err
		}
		return s.log.Record(ctx, audit.Entry{UserID: refreshed.UserID, SessionID: &refreshed.ID, Event: audit.Refreshed})
	})
	if err == nil {
		err = refusal
	}
	return refreshed, roles, err
}

// refreshable returns why a session cannot be refreshed, or nil.
func (s *Service) refreshable(of *Session, standing users.Standing) error {
	switch {
	case standing.Suspended:
		return s.suspended()
	case of.EndReason == auth.ReasonReuse:
		return auth.ErrRefreshReused
	case !of.active(s.now()), of.Kind != KindApp, standing.Deleted, standing.EraseAt != nil:
		return auth.ErrInvalidRefresh
	}
	return nil
}

// invalidIf turns an absence into auth.ErrInvalidRefresh.
func invalidIf(err, absence error) error {
	if errors.Is(err, absence) {
		return auth.ErrInvalidRefresh
	}
	return err
}
