package notification

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"atrium/modules/notifications"
	"atrium/platform/database"
)

// Store keeps notifications.
type Store struct{ db *database.DB }

// NewStore keeps them in db.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Put writes a notification, or finds the one with its key, and has it locked until the transaction open in ctx ends: whoever asks
// the modules after that asks later than all who had it locked before.
func (s *Store) Put(ctx context.Context, n Notification) (kept Notification, err error) {
	facts, err := json.Marshal(n.Facts)
	if err != nil {
		return kept, fmt.Errorf("write a notification's facts: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return kept, fmt.Errorf("generate a notification's id: %w", err)
	}
	err = s.db.Conn(ctx).Raw(`
		INSERT INTO notifications (id, recipient_id, type, subject_type, subject_id, actor_id, cause_id, facts, created_at, told_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?::jsonb, clock_timestamp(), NULL)
		ON CONFLICT ON CONSTRAINT notifications_once DO UPDATE SET recipient_id = excluded.recipient_id
		RETURNING *`, id, n.RecipientID, n.Type, n.SubjectType, n.SubjectID, n.ActorID, n.CauseID, string(facts)).Scan(&kept).Error
	return kept, err
}

// ByID reads one notification, or returns notifications.ErrNotFound.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (Notification, error) {
	return s.one(s.db.Conn(ctx), id)
}

// Lock is ByID that has the notification locked until the transaction open in ctx ends.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (Notification, error) {
	return s.one(s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}), id)
}

func (s *Store) one(conn *gorm.DB, id uuid.UUID) (n Notification, err error) {
	err = conn.Take(&n, "id = ?", id).Error
	return n, database.OrNotFound(err, notifications.ErrNotFound)
}

// LockScope reads up to limit notifications of a scope after one, in the order of their ids, and has them locked until the
// transaction open in ctx ends.
func (s *Store) LockScope(ctx context.Context, scope Scope, after uuid.UUID, limit int) (found []Notification, err error) {
	q := s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id > ?", after).Order("id").Limit(limit)
	err = scope.narrow(q).Find(&found).Error
	return found, err
}

func (scope Scope) narrow(q *gorm.DB) *gorm.DB {
	if scope.Post != uuid.Nil {
		q = q.Where("(subject_id = ? OR subject_type = 'comment' AND facts->>'post_id' = ?)", scope.Post, scope.Post.String())
	}
	if scope.Subject != uuid.Nil {
		q = q.Where("subject_id = ?", scope.Subject)
	}
	if scope.Actor != uuid.Nil {
		q = q.Where("actor_id = ?", scope.Actor)
	}
	if a, b := scope.Pair[0], scope.Pair[1]; a != uuid.Nil || b != uuid.Nil {
		q = q.Where("(recipient_id = ? AND actor_id = ? OR recipient_id = ? AND actor_id = ?)", a, b, b, a)
	}
	if scope.Type != "" {
		q = q.Where("type = ?", scope.Type)
	}
	if scope.Kind != "" {
		q = q.Where("subject_type = ?", scope.Kind)
	}
	return q
}

// Withdraw takes notifications out of list and count. What is withdrawn already stays as it is.
func (s *Store) Withdraw(ctx context.Context, ids []uuid.UUID) error {
	return s.update(ctx, ids, `UPDATE notifications SET withdrawn_at = now() WHERE id = ANY(?) AND withdrawn_at IS NULL`)
}

// Reinstate brings withdrawn notifications back as they were.
func (s *Store) Reinstate(ctx context.Context, ids []uuid.UUID) error {
	return s.update(ctx, ids, `UPDATE notifications SET withdrawn_at = NULL WHERE id = ANY(?) AND withdrawn_at IS NOT NULL`)
}

// SetTold notes that notifications were given to their channels.
func (s *Store) SetTold(ctx context.Context, ids []uuid.UUID) error {
	return s.update(ctx, ids, `UPDATE notifications SET told_at = now() WHERE id = ANY(?)`)
}

// SetUntold notes that notifications are to be told once they are so (again), by those channels that have not told them.
func (s *Store) SetUntold(ctx context.Context, ids []uuid.UUID) error {
	return s.update(ctx, ids, `UPDATE notifications SET told_at = NULL, mail_waits = false WHERE id = ANY(?)`)
}

func (s *Store) update(ctx context.Context, ids []uuid.UUID, statement string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.db.Conn(ctx).Exec(statement, database.Array(ids)).Error
}

// ToldOfSubject reports whether another notification of this type about the subject was told to the recipient.
func (s *Store) ToldOfSubject(ctx context.Context, n Notification) (told bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM notifications
		WHERE recipient_id = ? AND type = ? AND subject_id = ? AND id <> ? AND told_at IS NOT NULL)`, n.RecipientID, n.Type, n.SubjectID, n.ID).Scan(&told).Error
	return told, err
}

// episodePause is how long a channel stays silent about the next episode between two people.
const episodePause = 24 * time.Hour

// ClaimDelivery enters the task as the one that tells a notification by a channel, and reports whether it is: another one may be it,
// or the same two people were told of an episode before, not long ago. Idempotent.
func (s *Store) ClaimDelivery(ctx context.Context, n Notification, channel string, task uuid.UUID) (bool, error) {
	statement := `UPDATE notifications n SET deliveries = deliveries || jsonb_build_object(?::text, ?::text), delivered_at = coalesce(delivered_at, now())
		WHERE id = ? AND coalesce(deliveries->>?::text, ?::text) = ?::text`
	values := []any{channel, task.String(), n.ID, channel, task.String(), task.String()}
	if n.IsEpisode() {
		statement += ` AND NOT EXISTS (SELECT 1 FROM notifications o WHERE o.actor_id = n.actor_id AND o.recipient_id = n.recipient_id
			AND o.type = n.type AND o.id <> n.id AND o.delivered_at > now() - make_interval(secs => ?))`
		values = append(values, episodePause.Seconds())
	}
	done := s.db.Conn(ctx).Exec(statement, values...)
	return done.RowsAffected == 1, done.Error
}

// Page reads a person's notifications, newest first, below the id given (the nil id: from the top).
func (s *Store) Page(ctx context.Context, recipient, below uuid.UUID, limit int) (page []Notification, err error) {
	err = s.newest(ctx, recipient, below).Limit(limit).Find(&page).Error
	return page, err
}

// Unread reads the newest up to limit that the person has not read.
func (s *Store) Unread(ctx context.Context, recipient uuid.UUID, limit int) (unread []Notification, err error) {
	err = s.newest(ctx, recipient, uuid.Nil).Where("read_at IS NULL").Limit(limit).Find(&unread).Error
	return unread, err
}

// CountUnread counts what the person has not read below an id.
func (s *Store) CountUnread(ctx context.Context, recipient, below uuid.UUID) (n int64, err error) {
	err = s.newest(ctx, recipient, below).Where("read_at IS NULL").Model(&Notification{}).Order("").Count(&n).Error
	return n, err
}

func (s *Store) newest(ctx context.Context, recipient, below uuid.UUID) *gorm.DB {
	q := s.db.Conn(ctx).Where("recipient_id = ? AND withdrawn_at IS NULL", recipient).Order("id DESC")
	if below != uuid.Nil {
		q = q.Where("id < ?", below)
	}
	return q
}

// MarkRead marks everything up to and including upTo as read. It never marks anything as unread. What is withdrawn, but for upTo,
// stays as it is: it was not seen. notifications.ErrNotFound where the person never had upTo.
func (s *Store) MarkRead(ctx context.Context, recipient, upTo uuid.UUID) error {
	var had bool
	err := s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM notifications WHERE id = ? AND recipient_id = ?)`, upTo, recipient).Scan(&had).Error
	if err != nil {
		return err
	}
	if !had {
		return notifications.ErrNotFound
	}
	return s.db.Conn(ctx).Exec(`UPDATE notifications SET read_at = now()
		WHERE recipient_id = ? AND read_at IS NULL AND id <= ? AND (withdrawn_at IS NULL OR id = ?)`, recipient, upTo, upTo).Error
}

// Supersede withdraws what the recipient has not read of older events of this kind about the subject, and reports whether there is no newer one.
func (s *Store) Supersede(ctx context.Context, n Notification) (latest bool, err error) {
	conn := s.db.Conn(ctx)
	err = conn.Exec(`UPDATE notifications SET withdrawn_at = now() WHERE recipient_id = ? AND type = ? AND subject_id = ? AND cause_id < ?
		AND read_at IS NULL AND withdrawn_at IS NULL`, n.RecipientID, n.Type, n.SubjectID, n.CauseID).Error
	if err == nil {
		err = conn.Raw(`SELECT NOT EXISTS (SELECT 1 FROM notifications WHERE recipient_id = ? AND type = ? AND subject_id = ? AND cause_id > ?)`,
			n.RecipientID, n.Type, n.SubjectID, n.CauseID).Scan(&latest).Error
	}
	return latest, err
}

// RemovePerson removes the notifications to a person. Those that they caused are withdrawn and say nothing of the person any more:
// only their ids stay, for those who read up to them.
func (s *Store) RemovePerson(ctx context.Context, user uuid.UUID) error {
	for _, table := range []string{"notifications", "notification_mails"} {
		if err := s.db.Conn(ctx).Exec(`DELETE FROM `+table+` WHERE recipient_id = ?`, user).Error; err != nil {
			return err
		}
	}
	return s.db.Conn(ctx).Exec(`UPDATE notifications
		SET withdrawn_at = coalesce(withdrawn_at, now()), actor_id = ?, subject_id = CASE WHEN subject_id = actor_id THEN ? ELSE subject_id END,
			cause_id = id, facts = '{}', mail_waits = false WHERE actor_id = ?`, uuid.Nil, uuid.Nil, user).Error
}

// Prune removes what was withdrawn long ago, and what is known of mails that no hour counts any more; up to limit rows of each. It
// reports whether there may be more.
func (s *Store) Prune(ctx context.Context, withdrawnFor time.Duration, limit int) (more bool, err error) {
	done := s.db.Conn(ctx).Exec(`DELETE FROM notifications WHERE id IN (
		SELECT id FROM notifications WHERE withdrawn_at < now() - make_interval(secs => ?) LIMIT ?)`, withdrawnFor.Seconds(), limit)
	if done.Error != nil {
		return false, done.Error
	}
	old := s.db.Conn(ctx).Exec(`DELETE FROM notification_mails WHERE (recipient_id, post_id) IN (
		SELECT recipient_id, post_id FROM notification_mails WHERE greatest(mailed_at, digest_at) < now() - interval '1 day' LIMIT ?)`, limit)
	return done.RowsAffected == int64(limit) || old.RowsAffected == int64(limit), old.Error
}
