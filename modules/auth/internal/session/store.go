package session

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/auth"
	"atrium/platform/database"
)

type store struct{ db *database.DB }

func (s store) insertSession(ctx context.Context, se *Session) error {
	return s.db.Conn(ctx).Create(se).Error
}

func (s store) session(ctx context.Context, id uuid.UUID) (se Session, err error) {
	err = s.db.Conn(ctx).Take(&se, "id = ?", id).Error
	return se, database.OrNotFound(err, auth.ErrSessionNotFound)
}

func (s store) lockSession(ctx context.Context, id uuid.UUID) (se Session, err error) {
	err = s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&se, "id = ?", id).Error
	return se, database.OrNotFound(err, auth.ErrSessionNotFound)
}

func (s store) saveSession(ctx context.Context, se *Session) error {
	return s.db.Conn(ctx).Save(se).Error
}

func (s store) byCookie(ctx context.Context, hash []byte) (se Session, err error) {
	err = s.db.Conn(ctx).Take(&se, "cookie_hash = ?", hash).Error
	return se, database.OrNotFound(err, auth.ErrInvalidToken)
}

// activeSessions returns the user's sessions that can still be used, the newest first.
func (s store) activeSessions(ctx context.Context, user uuid.UUID, now time.Time) (all []Session, err error) {
	err = s.db.Conn(ctx).Order("signed_in_at DESC, id DESC").Find(&all, "user_id = ? AND ended_at IS NULL AND expires_at > ?", user, now).Error
	return all, err
}

// lockSessions locks the user's sessions that have not ended, in the order of their ids, and returns them.
func (s store) lockSessions(ctx context.Context, user uuid.UUID) (all []Session, err error) {
	err = s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Order("id").Find(&all, "user_id = ? AND ended_at IS NULL", user).Error
	return all, err
}

// lockInstallation locks and returns the user's app sessions on an installation that have not ended. Of two sign-ins there at once
// the later sees the session of the earlier.
func (s store) lockInstallation(ctx context.Context, user uuid.UUID, installation string) (found []Session, err error) {
	if err := s.db.Conn(ctx).Exec("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", "atrium.auth.installation "+user.String()+" "+installation).Error; err != nil {
		return nil, err
	}
	err = s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Order("id").
		Find(&found, "user_id = ? AND installation_id = ? AND kind = 'app' AND ended_at IS NULL", user, installation).Error
	return found, err
}

// signedInBefore reports whether the user has ever signed in with an app, and whether on this installation. An installation without
// a name is never known.
func (s store) signedInBefore(ctx context.Context, user uuid.UUID, installation string) (ever, here bool, err error) {
	var found struct{ Ever, Here bool }
	err = s.db.Conn(ctx).Raw(`SELECT count(*) > 0 AS ever, coalesce(bool_or(installation_id = ? AND installation_id <> ''), false) AS here
		FROM sessions WHERE user_id = ? AND kind = 'app'`, installation, user).Scan(&found).Error
	return found.Ever, found.Here, err
}
