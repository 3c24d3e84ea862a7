package internal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/platform/database"
	"atrium/platform/identity"
	"atrium/platform/outbox"
)

// Endings ends sessions: auth.Sessions. It needs no other module, so that users, whom signing in needs, can need it.
type Endings struct {
	db      *database.DB
	store   store
	outbox  *outbox.Outbox
	revoked *access.Revocations
	now     func() time.Time
}

// NewEndings makes it.
func NewEndings(db *database.DB, box *outbox.Outbox, revoked *access.Revocations, now func() time.Time) *Endings {
	return &Endings{db: db, store: store{db}, outbox: box, revoked: revoked, now: now}
}

// RevokeAll implements auth.Sessions.
func (e *Endings) RevokeAll(ctx context.Context, user uuid.UUID, cause auth.Cause) error {
	_, err := e.endAll(ctx, user, cause)
	return err
}

func (e *Endings) endAll(ctx context.Context, user uuid.UUID, cause auth.Cause) (ended int, err error) {
	err = e.db.InTx(ctx, func(ctx context.Context) error {
		all, err := e.store.lockLiving(ctx, user)
		if err != nil {
			return err
		}
		for i := range all {
			if err := e.finish(ctx, &all[i], cause); err != nil {
				return err
			}
		}
		ended = len(all)
		return nil
	})
	return ended, err
}

// RolesChanged implements auth.Sessions. Every session is locked first: a refresh under way has either read the new roles,
// or its token is older than what is made worthless here.
func (e *Endings) RolesChanged(ctx context.Context, user uuid.UUID, roles []string, by uuid.UUID) error {
	return e.db.InTx(ctx, func(ctx context.Context) error {
		all, err := e.store.lockLiving(ctx, user)
		if err != nil {
			return err
		}
		admin := identity.Principal{Roles: roles}.Has(identity.RoleAdmin)
		var goOn []uuid.UUID
		for i := range all {
			if all[i].Kind != kindAdmin || admin {
				goOn = append(goOn, all[i].ID)
				continue
			}
			if err := e.finish(ctx, &all[i], auth.Cause{By: by, Reason: endedByRoles}); err != nil {
				return err
			}
		}
		if err := e.revoked.Renew(ctx, e.now(), goOn...); err != nil {
			return err
		}
		return e.store.log(ctx, entry{At: e.now(), UserID: user, ActorID: actor(by, user), Event: eventRolesChanged, Detail: rolesText(roles)})
	})
}

// end ends a session, of that user if one is named.
func (e *Endings) end(ctx context.Context, id uuid.UUID, owner *uuid.UUID, reason string) error {
	return e.db.InTx(ctx, func(ctx context.Context) error {
		found, err := e.store.lockSession(ctx, id)
		if err != nil {
			return err
		}
		if owner != nil && found.UserID != *owner {
			return auth.ErrSessionNotFound
		}
		if found.EndedAt != nil {
			return nil
		}
		return e.finish(ctx, &found, auth.Cause{By: found.UserID, Reason: reason})
	})
}

// finish ends a session that is locked: its tokens are worthless, here at the commit and elsewhere within seconds.
func (e *Endings) finish(ctx context.Context, ended *session, cause auth.Cause) error {
	ended.end(cause.Reason, e.now())
	if err := e.store.saveSession(ctx, ended); err != nil {
		return err
	}
	if err := e.revoked.End(ctx, ended.ID); err != nil {
		return err
	}
	err := e.store.log(ctx, entry{
		At: e.now(), UserID: ended.UserID, ActorID: actor(cause.By, ended.UserID), SessionID: &ended.ID, Event: eventEnded, Detail: cause.Reason,
	})
	if err != nil {
		return err
	}
	return e.outbox.Publish(ctx, auth.SessionRevoked{
		UserID: ended.UserID, SessionID: ended.ID, InstallationID: ended.InstallationID, Reason: cause.Reason,
	})
}
