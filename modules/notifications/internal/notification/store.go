package notification

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

// PutAll writes notifications, or finds those with their keys, each once, and has them locked until the transaction open in ctx ends:
// whoever asks the modules after that asks later than all who had them locked before. They come in the order of their
// keys. New ones are written as told, since nearly all are: SetUntold is for those that are not.
func (s *Store) PutAll(ctx context.Context, all []Notification) ([]Notification, error) {
	all = distinct(all)
	if len(all) == 0 {
		return nil, nil
	}
	c, err := columnsOf(all)
	if err != nil {
		return nil, err
	}
	var kept []Notification
	err = s.db.Conn(ctx).Raw(`
		INSERT INTO notifications (id, recipient_id, type, subject_type, subject_id, actor_id, cause_id, facts, created_at, told_at)
		SELECT n.*, clock_timestamp(), clock_timestamp()
		FROM unnest(?::uuid[], ?::uuid[], ?::text[], ?::text[], ?::uuid[], ?::uuid[], ?::uuid[], ?::jsonb[]) AS n
		ON CONFLICT ON CONSTRAINT notifications_once DO UPDATE SET recipient_id = excluded.recipient_id
		RETURNING *`, database.Array(c.ids), database.Array(c.recipients), database.Array(c.types), database.Array(c.subjectTypes),
		database.Array(c.subjects), database.Array(c.actors), database.Array(c.causes), database.Array(c.facts)).Scan(&kept).Error
	if err != nil {
		return nil, err
	}
	return inOrder(all, kept, c.ids), nil
}

// distinct orders notifications by their keys, so that those who lock several never wait for each other in a circle, and leaves out
// those whose key was there before.
func distinct(all []Notification) []Notification {
	seen := map[key]bool{}
	once := make([]Notification, 0, len(all))
	for _, n := range all {
		if !seen[n.key()] {
			seen[n.key()] = true
			once = append(once, n)
		}
	}
	slices.SortFunc(once, func(a, b Notification) int { return a.key().compare(b.key()) })
	return once
}

// inOrder returns what was kept in the order of what was put. What has one of the ids that were made for it is new, and not told yet.
func inOrder(put, kept []Notification, made []uuid.UUID) []Notification {
	byKey := make(map[key]Notification, len(kept))
	for _, n := range kept {
		byKey[n.key()] = n
	}
	ordered := make([]Notification, 0, len(put))
	for i, n := range put {
		k := byKey[n.key()]
		if k.IsNew = k.ID == made[i]; k.IsNew {
			k.ToldAt = nil
		}
		ordered = append(ordered, k)
	}
	return ordered
}

// columns are notifications as PostgreSQL's unnest takes them.
type columns struct {
	ids, recipients, subjects, actors, causes []uuid.UUID
	types, subjectTypes, facts                []string
}

// columnsOf makes an id for each.
func columnsOf(all []Notification) (c columns, err error) {
	for _, n := range all {
		facts, err := json.Marshal(n.Facts)
		if err != nil {
			return c, fmt.Errorf("write a notification's facts: %w", err)
		}
		id, err := uuid.NewV7()
		if err != nil {
			return c, fmt.Errorf("generate a notification's id: %w", err)
		}
		c.ids, c.recipients, c.subjects = append(c.ids, id), append(c.recipients, n.RecipientID), append(c.subjects, n.SubjectID)
		c.actors, c.causes, c.facts = append(c.actors, n.ActorID), append(c.causes, n.CauseID), append(c.facts, string(facts))
		c.types, c.subjectTypes = append(c.types, string(n.Type)), append(c.subjectTypes, string(n.SubjectType))
	}
	return c, nil
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

// Subject is what notifications of one type tell a recipient about.
type Subject struct {
	RecipientID uuid.UUID
	SubjectID   uuid.UUID
}

// ToldOfSubjects returns about which of the subjects a notification of the type, other than these, was told to its recipient before.
func (s *Store) ToldOfSubjects(ctx context.Context, kind Type, these []Notification) (map[Subject]bool, error) {
	if len(these) == 0 {
		return map[Subject]bool{}, nil
	}
	recipients, subjects := make([]uuid.UUID, len(these)), make([]uuid.UUID, len(these))
	for i, n := range these {
		recipients[i], subjects[i] = n.RecipientID, n.SubjectID
	}
	var told []Subject
	err := s.db.Conn(ctx).Raw(`
		SELECT DISTINCT recipient_id, subject_id FROM unnest(?::uuid[], ?::uuid[]) AS s (recipient_id, subject_id)
		WHERE EXISTS (SELECT FROM notifications n WHERE n.recipient_id = s.recipient_id AND n.type = ? AND n.subject_id = s.subject_id
			AND n.told_at IS NOT NULL AND n.id <> ALL(?))`,
		database.Array(recipients), database.Array(subjects), kind, database.Array(IDs(these))).Scan(&told).Error
	found := make(map[Subject]bool, len(told))
	for _, subject := range told {
		found[subject] = true
	}
	return found, err
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
