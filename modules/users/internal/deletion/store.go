package deletion

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"atrium/modules/users"
	"atrium/modules/users/internal/user"
	"atrium/platform/database"
)

// store keeps deletions, their requests and links.
type store struct{ db *database.DB }

func (s store) insert(ctx context.Context, e deletion) error {
	return s.db.Conn(ctx).Exec("INSERT INTO user_erasures (id, user_id, erase_at) VALUES (?, ?, ?)", e.ID, e.UserID, e.EraseAt).Error
}

// findOpen reads the deletion that was not cancelled, or returns users.ErrNotFound.
func (s store) findOpen(ctx context.Context, user uuid.UUID) (deletion, error) {
	return s.find(ctx, "cancelled_at IS NULL AND user_id = ?", user)
}

// find reads the newest deletion that fits, with its steps, or returns users.ErrNotFound.
func (s store) find(ctx context.Context, where string, id uuid.UUID) (deletion, error) {
	var found []deletion
	err := s.db.Conn(ctx).Raw("SELECT * FROM user_erasures WHERE "+where+" ORDER BY asked_at DESC LIMIT 1", id).Scan(&found).Error
	if err != nil {
		return deletion{}, err
	}
	if len(found) == 0 {
		return deletion{}, users.ErrNotFound
	}
	e := found[0]
	err = s.db.Conn(ctx).Raw("SELECT step, done_at FROM user_erasure_steps WHERE erasure_id = ? ORDER BY done_at NULLS LAST, step", e.ID).
		Scan(&e.Steps).Error
	return e, err
}

func (s store) cancel(ctx context.Context, user uuid.UUID) error {
	return s.db.Conn(ctx).Exec("UPDATE user_erasures SET cancelled_at = now() WHERE user_id = ? AND cancelled_at IS NULL", user).Error
}

// recordOwnStep records that a step of this module has begun or is done; the first one begins the erasure.
func (s store) recordOwnStep(ctx context.Context, user uuid.UUID, step string, done bool) error {
	return s.db.Conn(ctx).Exec(`
		WITH e AS (
			UPDATE user_erasures SET began_at = coalesce(began_at, now()) WHERE user_id = ? AND cancelled_at IS NULL RETURNING id)
		INSERT INTO user_erasure_steps AS s (erasure_id, step, done_at) SELECT id, ?, CASE WHEN ? THEN now() END FROM e
		ON CONFLICT ON CONSTRAINT user_erasure_steps_pkey DO UPDATE SET done_at = coalesce(s.done_at, EXCLUDED.done_at)`, user, step, done).Error
}

func (s store) recordEvent(ctx context.Context, user, event uuid.UUID) error {
	return s.db.Conn(ctx).Exec("UPDATE user_erasures SET event_id = ? WHERE user_id = ? AND cancelled_at IS NULL", event, user).Error
}

// findUnfinished reads deletions in which other modules still have to clean up, the oldest first.
func (s store) findUnfinished(ctx context.Context, limit int) (found []deletion, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM user_erasures WHERE event_id IS NOT NULL AND finished_at IS NULL ORDER BY began_at LIMIT ?`, limit).
		Scan(&found).Error
	return found, err
}

// recordSteps records the steps of other modules: true for those that are done.
func (s store) recordSteps(ctx context.Context, id uuid.UUID, steps map[string]bool) error {
	var names []string
	var done []bool
	for name, isDone := range steps {
		names, done = append(names, name), append(done, isDone)
	}
	return s.db.Conn(ctx).Exec(`
		INSERT INTO user_erasure_steps AS s (erasure_id, step, done_at)
		SELECT ?, step, CASE WHEN done THEN now() END FROM unnest(?::text[], ?::boolean[]) AS n (step, done)
		ON CONFLICT ON CONSTRAINT user_erasure_steps_pkey DO UPDATE SET done_at = coalesce(s.done_at, EXCLUDED.done_at)`,
		id, database.Array(names), database.Array(done)).Error
}

func (s store) finish(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec("UPDATE user_erasures SET finished_at = now() WHERE id = ?", id).Error
}

// insertRequest inserts a request unless there were most for the address within an hour, and reports whether it did. Requests for one
// address wait for each other until the transaction open in ctx ends, so that each counts those before it.
func (s store) insertRequest(ctx context.Context, id uuid.UUID, email string, most int) (bool, error) {
	lock := "SELECT pg_advisory_xact_lock(hashtextextended('users.deletion_requests ' || lower(?::text), 0))"
	if err := s.db.Conn(ctx).Exec(lock, email).Error; err != nil {
		return false, err
	}
	done := s.db.Conn(ctx).Exec(`INSERT INTO deletion_requests (id, email) SELECT ?, ? WHERE (
		SELECT count(*) FROM deletion_requests WHERE lower(email) = lower(?) AND asked_at > now() - interval '1 hour') < ?`, id, email, email, most)
	return done.RowsAffected == 1, done.Error
}

// linkedAccount is an account that a request is about, as the mail names it.
type linkedAccount struct {
	ID     uuid.UUID
	Handle string
	Email  string
}

// insertLinks inserts a link for each account with the verified address of the request, and returns those whose link was not used.
// Suspended accounts are among them, those that are being deleted are not.
func (s store) insertLinks(ctx context.Context, request uuid.UUID, most int) (found []linkedAccount, err error) {
	err = s.db.Conn(ctx).Exec(`
		INSERT INTO deletion_links (request_id, user_id)
		SELECT r.id, u.id FROM deletion_requests r JOIN users u ON lower(u.email) = lower(r.email)
		WHERE r.id = ? AND u.email <> '' AND u.email_verified AND u.erase_at IS NULL ORDER BY u.id LIMIT ?
		ON CONFLICT DO NOTHING`, request, most).Error
	if err != nil {
		return nil, err
	}
	err = s.db.Conn(ctx).Raw(`SELECT u.id, u.handle, u.email FROM deletion_links l JOIN users u ON u.id = l.user_id
		WHERE l.request_id = ? AND l.used_at IS NULL AND u.erase_at IS NULL ORDER BY u.id`, request).Scan(&found).Error
	return found, err
}

// findLink reads the account that a link deletes, or returns users.ErrNotFound where the link is used or too old.
func (s store) findLink(ctx context.Context, request, id uuid.UUID) (found linkedAccount, err error) {
	var rows []linkedAccount
	err = s.db.Conn(ctx).Raw(`SELECT u.id, u.handle FROM deletion_links l JOIN deletion_requests r ON r.id = l.request_id JOIN users u ON u.id = l.user_id
		WHERE l.request_id = ? AND l.user_id = ? AND l.used_at IS NULL AND r.asked_at > now() - make_interval(secs => ?)`,
		request, id, linkTTL.Seconds()).Scan(&rows).Error
	if err != nil {
		return linkedAccount{}, err
	}
	if len(rows) == 0 {
		return linkedAccount{}, users.ErrNotFound
	}
	return rows[0], nil
}

// useLink uses a link up and reports whether it was valid: of concurrent uses one is.
func (s store) useLink(ctx context.Context, request, id uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec(`UPDATE deletion_links l SET used_at = now() FROM deletion_requests r
		WHERE r.id = l.request_id AND l.request_id = ? AND l.user_id = ? AND l.used_at IS NULL AND r.asked_at > now() - make_interval(secs => ?)`,
		request, id, linkTTL.Seconds())
	return done.RowsAffected == 1, done.Error
}

// pruneRequests deletes requests, and so their addresses, whose links are too old.
func (s store) pruneRequests(ctx context.Context) error {
	return s.db.Conn(ctx).Exec("DELETE FROM deletion_requests WHERE asked_at <= now() - make_interval(secs => ?)", linkTTL.Seconds()).Error
}

// findDue reads up to limit people whose erasure is due, the longest overdue first.
func (s store) findDue(ctx context.Context, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT id FROM users WHERE erase_at <= now() AND erased_at IS NULL ORDER BY erase_at LIMIT ?`, limit).
		Scan(&ids).Error
	return ids, err
}

// lockDue locks a person whose erasure is due, and reports false where it was cancelled or is done already.
func (s store) lockDue(ctx context.Context, id uuid.UUID) (u user.User, due bool, err error) {
	err = s.db.Conn(ctx).Clauses(user.LockForChange).Take(&u, "id = ? AND erase_at <= now() AND erased_at IS NULL", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return u, false, nil
	}
	return u, err == nil, err
}

// deleteRows deletes the rows that are about one person alone. Follows are not among them: they change other people's counters.
func (s store) deleteRows(ctx context.Context, id uuid.UUID) error {
	for _, statement := range []string{
		"DELETE FROM user_settings WHERE user_id = ?",
		"DELETE FROM user_consents WHERE user_id = ?",
		"UPDATE user_exports SET status = 'expired', expires_at = now() WHERE user_id = ? AND removed_at IS NULL", // their archives are removed by the next prune
		"DELETE FROM follow_requests WHERE ? IN (follower_id, followee_id)",
		"DELETE FROM user_blocks WHERE ? IN (blocker_id, blocked_id)",
		"DELETE FROM user_mutes WHERE ? IN (muter_id, muted_id)",
		"DELETE FROM user_muted_terms WHERE user_id = ?",
		"DELETE FROM user_email_changes WHERE user_id = ?",
		"DELETE FROM user_dismissals WHERE ? IN (user_id, dismissed_id)",
	} {
		if err := s.db.Conn(ctx).Exec(statement, id).Error; err != nil {
			return err
		}
	}
	return nil
}
