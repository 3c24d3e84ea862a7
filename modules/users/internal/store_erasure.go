package internal

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/database"
)

func (s store) beginErasure(ctx context.Context, e erasure) error {
	err := s.db.Conn(ctx).Exec("INSERT INTO user_erasures (id, user_id, erase_at) VALUES (?, ?, ?)", e.ID, e.UserID, e.EraseAt).Error
	return faults.Translate(err, nil)
}

// openErasure is the one that was not taken back.
func (s store) openErasure(ctx context.Context, user uuid.UUID) (erasure, error) {
	return s.erasure(ctx, "cancelled_at IS NULL AND user_id = ?", user)
}

// erasure reads the newest that fits, with its steps, or returns ErrNotFound.
func (s store) erasure(ctx context.Context, where string, id uuid.UUID) (erasure, error) {
	var found []erasure
	err := s.db.Conn(ctx).Raw("SELECT * FROM user_erasures WHERE "+where+" ORDER BY asked_at DESC LIMIT 1", id).Scan(&found).Error
	if err != nil {
		return erasure{}, faults.Translate(err, nil)
	}
	if len(found) == 0 {
		return erasure{}, users.ErrNotFound
	}
	e := found[0]
	err = s.db.Conn(ctx).Raw("SELECT step, done_at FROM user_erasure_steps WHERE erasure_id = ? ORDER BY done_at NULLS LAST, step", e.ID).
		Scan(&e.Steps).Error
	return e, faults.Translate(err, nil)
}

func (s store) cancelErasure(ctx context.Context, user uuid.UUID) error {
	err := s.db.Conn(ctx).Exec("UPDATE user_erasures SET cancelled_at = now() WHERE user_id = ? AND cancelled_at IS NULL", user).Error
	return faults.Translate(err, nil)
}

// stepErasure notes that a step of the module's own has begun or is done; the first one begins the erasure.
func (s store) stepErasure(ctx context.Context, user uuid.UUID, step string, done bool) error {
	err := s.db.Conn(ctx).Exec(`
		WITH e AS (
			UPDATE user_erasures SET began_at = coalesce(began_at, now()) WHERE user_id = ? AND cancelled_at IS NULL RETURNING id)
		INSERT INTO user_erasure_steps AS s (erasure_id, step, done_at) SELECT id, ?, CASE WHEN ? THEN now() END FROM e
		ON CONFLICT ON CONSTRAINT user_erasure_steps_pkey DO UPDATE SET done_at = coalesce(s.done_at, EXCLUDED.done_at)`, user, step, done).Error
	return faults.Translate(err, nil)
}

func (s store) announceErasure(ctx context.Context, user, event uuid.UUID) error {
	err := s.db.Conn(ctx).Exec("UPDATE user_erasures SET event_id = ? WHERE user_id = ? AND cancelled_at IS NULL", event, user).Error
	return faults.Translate(err, nil)
}

// watchedErasures are those that other modules are still at, the oldest first.
func (s store) watchedErasures(ctx context.Context, limit int) (found []erasure, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM user_erasures WHERE event_id IS NOT NULL AND finished_at IS NULL ORDER BY began_at LIMIT ?`, limit).
		Scan(&found).Error
	return found, faults.Translate(err, nil)
}

// noteSteps writes down how the steps of other modules stand: true for those that are done.
func (s store) noteSteps(ctx context.Context, id uuid.UUID, steps map[string]bool) error {
	var names []string
	var done []bool
	for name, isDone := range steps {
		names, done = append(names, name), append(done, isDone)
	}
	err := s.db.Conn(ctx).Exec(`
		INSERT INTO user_erasure_steps AS s (erasure_id, step, done_at)
		SELECT ?, step, CASE WHEN done THEN now() END FROM unnest(?::text[], ?::boolean[]) AS n (step, done)
		ON CONFLICT ON CONSTRAINT user_erasure_steps_pkey DO UPDATE SET done_at = coalesce(s.done_at, EXCLUDED.done_at)`,
		id, database.Array(names), database.Array(done)).Error
	return faults.Translate(err, nil)
}

func (s store) finishErasure(ctx context.Context, id uuid.UUID) error {
	return faults.Translate(s.db.Conn(ctx).Exec("UPDATE user_erasures SET finished_at = now() WHERE id = ?", id).Error, nil)
}

// addDeletionRequest keeps a request, unless there were too many for this address lately. It reports whether it did.
func (s store) addDeletionRequest(ctx context.Context, id uuid.UUID, email string, most int) (bool, error) {
	done := s.db.Conn(ctx).Exec(`INSERT INTO deletion_requests (id, email) SELECT ?, ? WHERE (
		SELECT count(*) FROM deletion_requests WHERE lower(email) = lower(?) AND asked_at > now() - interval '1 hour') < ?`, id, email, email, most)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// linked is an account that a request is about, as the mail names it.
type linked struct {
	ID     uuid.UUID
	Handle string
	Email  string
}

// linkDeletions makes a link for each account whose address was asked about and is known to be the person's own, and returns those
// whose link was not used. Suspended people may leave too; who is leaving already need not ask.
func (s store) linkDeletions(ctx context.Context, request uuid.UUID, most int) (found []linked, err error) {
	err = s.db.Conn(ctx).Exec(`
		INSERT INTO deletion_links (request_id, user_id)
		SELECT r.id, u.id FROM deletion_requests r JOIN users u ON lower(u.email) = lower(r.email)
		WHERE r.id = ? AND u.email <> '' AND u.email_verified AND u.erase_at IS NULL ORDER BY u.id LIMIT ?
		ON CONFLICT DO NOTHING`, request, most).Error
	if err != nil {
		return nil, faults.Translate(err, nil)
	}
	err = s.db.Conn(ctx).Raw(`SELECT u.id, u.handle, u.email FROM deletion_links l JOIN users u ON u.id = l.user_id
		WHERE l.request_id = ? AND l.used_at IS NULL AND u.erase_at IS NULL ORDER BY u.id`, request).Scan(&found).Error
	return found, faults.Translate(err, nil)
}

// liveLink finds whose account a link erases, or returns ErrNotFound for one that is used or too old.
func (s store) liveLink(ctx context.Context, request, id uuid.UUID) (found linked, err error) {
	var rows []linked
	err = s.db.Conn(ctx).Raw(`SELECT u.id, u.handle FROM deletion_links l JOIN deletion_requests r ON r.id = l.request_id JOIN users u ON u.id = l.user_id
		WHERE l.request_id = ? AND l.user_id = ? AND l.used_at IS NULL AND r.asked_at > now() - make_interval(secs => ?)`,
		request, id, linkLife.Seconds()).Scan(&rows).Error
	if err != nil {
		return linked{}, faults.Translate(err, nil)
	}
	if len(rows) == 0 {
		return linked{}, users.ErrNotFound
	}
	return rows[0], nil
}

// useLink uses a link up and reports whether it was good: of two who come with it at once, one is right.
func (s store) useLink(ctx context.Context, request, id uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec(`UPDATE deletion_links l SET used_at = now() FROM deletion_requests r
		WHERE r.id = l.request_id AND l.request_id = ? AND l.user_id = ? AND l.used_at IS NULL AND r.asked_at > now() - make_interval(secs => ?)`,
		request, id, linkLife.Seconds())
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// pruneDeletionRequests forgets the addresses of requests whose links are dead.
func (s store) pruneDeletionRequests(ctx context.Context) error {
	err := s.db.Conn(ctx).Exec("DELETE FROM deletion_requests WHERE asked_at <= now() - make_interval(secs => ?)", linkLife.Seconds()).Error
	return faults.Translate(err, nil)
}
