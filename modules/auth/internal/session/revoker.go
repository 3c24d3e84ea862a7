package session

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/audit"
	"atrium/platform/database"
	"atrium/platform/identity"
	"atrium/platform/outbox"
)

// Revoker ends sessions before their time: auth.Sessions. It needs no other module, so that users, which
// signing in needs, can need it.
type Revoker struct {
	db      *database.DB
	store   store
	outbox  *outbox.Outbox
	revoked *access.Revocations
	log     *audit.Log
	now     func() time.Time
}

// NewRevoker needs what a session's end is written to and told by.
func NewRevoker(db *database.DB, box *outbox.Outbox, revoked *access.Revocations, log *audit.Log, now func() time.Time) *Revoker {
	return &Revoker{db: db, store: store{db}, outbox: box, revoked: revoked, log: log, now: now}
}

// RevokeAll implements auth.Sessions.
func (r *Revoker) RevokeAll(ctx context.Context, user uuid.UUID, cause auth.Cause) error {
	_, err := r.RevokeEvery(ctx, user, cause)
	return err
}

// RevokeEvery is RevokeAll, and returns how many sessions there were.
func (r *Revoker) RevokeEvery(ctx context.Context, user uuid.UUID, cause auth.Cause) (revoked int, err error) {
	err = r.db.InTx(ctx, func(ctx context.Context) error {
		all, err := r.store.lockSessions(ctx, user)
		if err != nil {
			return err
		}
		for i := range all {
			if err := r.revoke(ctx, &all[i], cause); err != nil {
				return err
			}
		}
		revoked = len(all)
		return nil
	})
	return revoked, err
}

// RolesChanged implements auth.Sessions. Every session is locked first, so a concurrent refresh has either read the new roles,
// or its access token is older than the revocation written here.
func (r *Revoker) RolesChanged(ctx context.Context, user uuid.UUID, roles []string, by uuid.UUID) error {
	return r.db.InTx(ctx, func(ctx context.Context) error {
		all, err := r.store.lockSessions(ctx, user)
		if err != nil {
			return err
		}
		admin := identity.Principal{Roles: roles}.Has(identity.RoleAdmin)
		var kept []uuid.UUID
		for i := range all {
			if all[i].Kind != KindAdmin || admin {
				kept = append(kept, all[i].ID)
				continue
			}
			if err := r.revoke(ctx, &all[i], auth.Cause{By: by, Reason: auth.ReasonRoles}); err != nil {
				return err
			}
		}
		if err := r.revoked.RevokeIssuedBefore(ctx, r.now(), kept...); err != nil {
			return err
		}
		return r.log.Record(ctx, audit.Entry{
			UserID: user, ActorID: audit.Actor(by, user), Event: audit.RolesChanged, Detail: strings.Join(roles, " "),
		})
	})
}

// Active implements auth.Sessions.
func (r *Revoker) Active(ctx context.Context, session uuid.UUID) (bool, error) {
	found, err := r.store.session(ctx, session)
	if errors.Is(err, auth.ErrSessionNotFound) {
		return false, nil
	}
	return err == nil && found.active(r.now()), err
}

// RevokeOpenedBefore ends the user's sessions that a provider opened until then, in the transaction open in ctx, and reports
// whether it opened others later.
func (r *Revoker) RevokeOpenedBefore(ctx context.Context, user uuid.UUID, provider string, then time.Time) (others bool, err error) {
	all, err := r.store.lockSessions(ctx, user)
	if err != nil {
		return false, err
	}
	for i := range all {
		if all[i].Provider != provider {
			continue
		}
		if all[i].SignedInAt.After(then) {
			others = true
			continue
		}
		if err := r.revoke(ctx, &all[i], auth.Cause{Reason: auth.ReasonProvider}); err != nil {
			return false, err
		}
	}
	return others, nil
}

// end ends a session, or returns auth.ErrSessionNotFound where it is not the owner's, if one is given. Idempotent.
func (r *Revoker) end(ctx context.Context, id uuid.UUID, owner *uuid.UUID, reason string) error {
	return r.db.InTx(ctx, func(ctx context.Context) error {
		found, err := r.store.lockSession(ctx, id)
		if err != nil {
			return err
		}
		if owner != nil && found.UserID != *owner {
			return auth.ErrSessionNotFound
		}
		if found.EndedAt != nil {
			return nil
		}
		return r.revoke(ctx, &found, auth.Cause{By: found.UserID, Reason: reason})
	})
}

// revoke ends a locked session and publishes that.
func (r *Revoker) revoke(ctx context.Context, ended *Session, cause auth.Cause) error {
	if err := r.terminate(ctx, ended, cause); err != nil {
		return err
	}
	return r.outbox.Publish(ctx, auth.SessionRevoked{
		UserID: ended.UserID, SessionID: ended.ID, InstallationID: ended.InstallationID, Reason: cause.Reason,
	})
}

// terminate ends a locked session: its tokens are invalid here at the commit, and on the other instances within seconds.
func (r *Revoker) terminate(ctx context.Context, ended *Session, cause auth.Cause) error {
	now := r.now()
	ended.EndedAt, ended.EndReason = &now, cause.Reason
	if err := r.store.saveSession(ctx, ended); err != nil {
		return err
	}
	if err := r.revoked.Revoke(ctx, ended.ID); err != nil {
		return err
	}
	return r.log.Record(ctx, audit.Entry{
		UserID: ended.UserID, ActorID: audit.Actor(cause.By, ended.UserID), SessionID: &ended.ID, Event: audit.SessionEnded, Detail: cause.Reason,
	})
}
