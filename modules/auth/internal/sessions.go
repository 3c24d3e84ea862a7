package internal

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/users"
)

// Refresh gives a session its next tokens. Of any number of refreshes at once, one makes the child and all get it.
func (s *Service) Refresh(ctx context.Context, token string, from origin) (answer Session, err error) {
	err = s.throttle.guard(ctx, from.Address, func() error {
		id, generation, ok := s.refresh.open(token)
		if !ok {
			return auth.ErrInvalidRefresh
		}
		renewed, roles, err := s.renew(ctx, id, generation, from.Place)
		if err != nil {
			return err
		}
		answer, err = s.answer(ctx, renewed, roles)
		return err
	})
	return answer, err
}

// renew locks the person before the session, as whoever locks an account out does: so neither waits for the other in a circle.
func (s *Service) renew(ctx context.Context, id uuid.UUID, generation int64, place string) (renewed session, roles []string, err error) {
	var refusal error // survives the transaction, which commits what a theft changes
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		refusal = nil
		if renewed, err = s.store.session(ctx, id); err != nil {
			return orInvalid(err, auth.ErrSessionNotFound)
		}
		standing, err := s.accounts.Standing(ctx, renewed.UserID)
		if err != nil {
			return orInvalid(err, users.ErrNotFound)
		}
		roles = standing.Roles
		if renewed, err = s.store.lockSession(ctx, id); err != nil {
			return orInvalid(err, auth.ErrSessionNotFound)
		}
		if err := s.refreshable(renewed, standing); err != nil {
			return err
		}
		err = renewed.refresh(generation, s.now(), s.cfg.RefreshTTL)
		switch {
		case errors.Is(err, auth.ErrRefreshReused):
			refusal = err
			return s.endings.finish(ctx, &renewed, auth.Cause{Reason: endedByReuse})
		case err != nil:
			return err
		}
		if place != "" {
			renewed.Place = place
		}
		if err := s.store.saveSession(ctx, &renewed); err != nil || renewed.Generation == generation {
			return err
		}
		return s.log(ctx, eventRefreshed, renewed.UserID, &renewed.ID, "")
	})
	if err == nil {
		err = refusal
	}
	return renewed, roles, err
}

// refreshable says why a session cannot go on, if it cannot.
func (s *Service) refreshable(of session, standing users.Standing) error {
	switch {
	case standing.Suspended:
		return s.suspended()
	case of.EndReason == endedByReuse:
		return auth.ErrRefreshReused
	case !of.alive(s.now()), of.Kind != kindApp, standing.Deleted, standing.EraseAt != nil:
		return auth.ErrInvalidRefresh
	}
	return nil
}

// orInvalid turns an absence into auth.ErrInvalidRefresh.
func orInvalid(err, absence error) error {
	if errors.Is(err, absence) {
		return auth.ErrInvalidRefresh
	}
	return err
}

// Logout ends a session by one of its refresh tokens, or returns auth.ErrInvalidRefresh. Where it has ended, that is no error.
func (s *Service) Logout(ctx context.Context, refreshToken string) error {
	id, _, ok := s.refresh.open(refreshToken)
	if !ok {
		return auth.ErrInvalidRefresh
	}
	err := s.endings.end(ctx, id, nil, endedByLogout)
	if errors.Is(err, auth.ErrSessionNotFound) {
		return nil
	}
	return err
}

// LogoutEverywhere ends all of the user's sessions.
func (s *Service) LogoutEverywhere(ctx context.Context, user uuid.UUID) error {
	return s.endings.RevokeAll(ctx, user, auth.Cause{By: user, Reason: endedByLogout})
}

// End ends one of the user's sessions, or returns auth.ErrSessionNotFound.
func (s *Service) End(ctx context.Context, user, id, current uuid.UUID) error {
	reason := endedByOwner
	if id == current {
		reason = endedByLogout
	}
	return s.endings.end(ctx, id, &user, reason)
}

// RevokeEverything implements auth.Operator.
func (s *Service) RevokeEverything(ctx context.Context, user uuid.UUID) (int, error) {
	return s.endings.endAll(ctx, user, auth.Cause{Reason: endedByOperator})
}

// RotateKeys implements auth.Operator.
func (s *Service) RotateKeys(ctx context.Context) (string, error) { return s.keys.Rotate(ctx) }

// Living lists the user's sessions, the newest first.
func (s *Service) Living(ctx context.Context, user uuid.UUID) ([]session, error) {
	return s.store.living(ctx, user, s.now())
}
