package internal

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/users"
)

// Refresh gives a session its next tokens. Of any number of refreshes at once, one makes the child and all get it.
func (s *Service) Refresh(ctx context.Context, token, address string) (answer Session, err error) {
	err = s.throttle.guard(ctx, address, func() error {
		id, generation, ok := s.refresh.open(token)
		if !ok {
			return auth.ErrInvalidRefresh
		}
		renewed, roles, err := s.renew(ctx, id, generation)
		if err != nil {
			return err
		}
		answer, err = s.answer(ctx, renewed, roles)
		return err
	})
	return answer, err
}

func (s *Service) renew(ctx context.Context, id uuid.UUID, generation int64) (renewed session, roles []string, err error) {
	var refusal error // survives the transaction, which commits what a theft changes
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		refusal = nil
		if renewed, err = s.store.lockSession(ctx, id); err != nil {
			return orInvalid(err, auth.ErrSessionNotFound)
		}
		standing, err := s.accounts.Standing(ctx, renewed.UserID)
		if err != nil {
			return orInvalid(err, users.ErrNotFound)
		}
		roles = standing.Roles
		if err := refreshable(renewed, standing, s.now()); err != nil {
			return err
		}
		err = renewed.refresh(generation, s.now(), s.cfg.RefreshTTL)
		switch {
		case errors.Is(err, auth.ErrRefreshReused):
			refusal = err
			return s.finish(ctx, &renewed, endedByReuse)
		case err != nil:
			return err
		}
		return s.store.saveSession(ctx, &renewed)
	})
	if err == nil {
		err = refusal
	}
	return renewed, roles, err
}

// refreshable says why a session cannot go on, if it cannot.
func refreshable(of session, standing users.Standing, now time.Time) error {
	switch {
	case standing.Suspended:
		return users.ErrSuspended
	case of.EndReason == endedByReuse:
		return auth.ErrRefreshReused
	case !of.alive(now), of.Kind != kindApp, standing.Deleted, standing.EraseAt != nil:
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

// finish ends a session that is locked: its tokens are worthless, here at once and elsewhere within seconds.
func (s *Service) finish(ctx context.Context, ended *session, reason string) error {
	ended.end(reason, s.now())
	if err := s.store.saveSession(ctx, ended); err != nil {
		return err
	}
	if err := s.revoked.End(ctx, ended.ID); err != nil {
		return err
	}
	if err := s.log(ctx, "ended", ended.UserID, &ended.ID, reason); err != nil {
		return err
	}
	return s.outbox.Publish(ctx, auth.SessionRevoked{
		UserID: ended.UserID, SessionID: ended.ID, InstallationID: ended.InstallationID, Reason: reason,
	})
}

// Logout ends a session by one of its refresh tokens, or returns auth.ErrInvalidRefresh. Where it has ended, that is no error.
func (s *Service) Logout(ctx context.Context, refreshToken string) error {
	id, _, ok := s.refresh.open(refreshToken)
	if !ok {
		return auth.ErrInvalidRefresh
	}
	err := s.end(ctx, id, nil, endedByLogout)
	if errors.Is(err, auth.ErrSessionNotFound) {
		return nil
	}
	return err
}

// End ends one of the user's sessions, or returns auth.ErrSessionNotFound.
func (s *Service) End(ctx context.Context, user, id, current uuid.UUID) error {
	reason := endedByOwner
	if id == current {
		reason = endedByLogout
	}
	return s.end(ctx, id, &user, reason)
}

// end ends a session, of that user if one is named.
func (s *Service) end(ctx context.Context, id uuid.UUID, owner *uuid.UUID, reason string) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		found, err := s.store.lockSession(ctx, id)
		if err != nil {
			return err
		}
		if owner != nil && found.UserID != *owner {
			return auth.ErrSessionNotFound
		}
		if found.EndedAt != nil {
			return nil
		}
		return s.finish(ctx, &found, reason)
	})
}

// RevokeAll implements auth.Sessions.
func (s *Service) RevokeAll(ctx context.Context, user uuid.UUID, reason string) error {
	_, err := s.endAll(ctx, user, reason)
	return err
}

// RevokeEverything implements auth.Operator.
func (s *Service) RevokeEverything(ctx context.Context, user uuid.UUID) (int, error) {
	return s.endAll(ctx, user, endedByOwner)
}

// RotateKeys implements auth.Operator.
func (s *Service) RotateKeys(ctx context.Context) (string, error) { return s.keys.Rotate(ctx) }

func (s *Service) endAll(ctx context.Context, user uuid.UUID, reason string) (ended int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		all, err := s.store.lockLiving(ctx, user)
		if err != nil {
			return err
		}
		for i := range all {
			if err := s.finish(ctx, &all[i], reason); err != nil {
				return err
			}
		}
		ended = len(all)
		return nil
	})
	return ended, err
}

// Living lists the user's sessions, the newest first.
func (s *Service) Living(ctx context.Context, user uuid.UUID) ([]session, error) {
	return s.store.living(ctx, user, s.now())
}
