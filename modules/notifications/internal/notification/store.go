package notification

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/notifications"
	"atrium/platform/database"
)

// Store keeps notifications.
type Store struct{ db *database.DB }

// NewStore keeps them in db.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Add writes a notification and reports whether it was new.
func (s *Store) Add(ctx context.Context, n *Notification) (bool, error) {
	result := s.db.Conn(ctx).Clauses(clause.OnConflict{OnConstraint: "notifications_once", DoNothing: true}).Create(n)
	if result.Error != nil {
		return false, result.Error
	}
	return result.RowsAffected == 1, nil
}

// Exists reports whether the recipient has a notification of this type about the subject.
func (s *Store) Exists(ctx context.Context, recipient uuid.UUID, kind Type, subject uuid.UUID) (bool, error) {
	var found bool
	err := s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM notifications WHERE recipient_id = ? AND type = ? AND subject_id = ?)`,
		recipient, kind, subject).Scan(&found).Error
	if err != nil {
		return false, err
	}
	return found, nil
}

// Notified reports whether the recipient has any notification about the subject.
func (s *Store) Notified(ctx context.Context, recipient, subject uuid.UUID) (bool, error) {
	var found bool
	err := s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM notifications WHERE recipient_id = ? AND subject_id = ?)`,
		recipient, subject).Scan(&found).Error
	if err != nil {
		return false, err
	}
	return found, nil
}

// ByID reads one notification, or returns notifications.ErrNotFound.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (Notification, error) {
	var n Notification
	err := s.db.Conn(ctx).Take(&n, "id = ?", id).Error
	return n, database.OrNotFound(err, notifications.ErrNotFound)
}

// Page reads a person's notifications, newest first, below the id given (the nil id: from the top).
func (s *Store) Page(ctx context.Context, recipient, below uuid.UUID, limit int) ([]Notification, error) {
	q := s.db.Conn(ctx).Where("recipient_id = ?", recipient).Order("id DESC").Limit(limit)
	if below != uuid.Nil {
		q = q.Where("id < ?", below)
	}
	var page []Notification
	if err := q.Find(&page).Error; err != nil {
		return nil, err
	}
	return page, nil
}

// CountUnread counts what the person has not read.
func (s *Store) CountUnread(ctx context.Context, recipient uuid.UUID) (int64, error) {
	var n int64
	err := s.db.Conn(ctx).Model(&Notification{}).Where("recipient_id = ? AND read_at IS NULL", recipient).Count(&n).Error
	if err != nil {
		return 0, err
	}
	return n, nil
}

// MarkRead marks everything up to and including upTo as read. It never marks anything as unread.
func (s *Store) MarkRead(ctx context.Context, recipient, upTo uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`UPDATE notifications SET read_at = now() WHERE recipient_id = ? AND read_at IS NULL AND id <= ?`,
		recipient, upTo).Error
}

// WithdrawUnread removes an unread notification whose cause was taken back.
func (s *Store) WithdrawUnread(ctx context.Context, recipient uuid.UUID, kind Type, subject, actor uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM notifications
		WHERE recipient_id = ? AND type = ? AND subject_id = ? AND actor_id = ? AND read_at IS NULL`, recipient, kind, subject, actor).Error
}

// Supersede removes what the recipient has not read of older events of this kind about the subject, and reports whether there is no newer one.
func (s *Store) Supersede(ctx context.Context, n Notification) (latest bool, err error) {
	conn := s.db.Conn(ctx)
	err = conn.Exec(`DELETE FROM notifications
		WHERE recipient_id = ? AND type = ? AND subject_id = ? AND cause_id < ? AND read_at IS NULL`, n.RecipientID, n.Type, n.SubjectID, n.CauseID).Error
	if err == nil {
		err = conn.Raw(`SELECT NOT EXISTS (SELECT 1 FROM notifications WHERE recipient_id = ? AND type = ? AND subject_id = ? AND cause_id > ?)`,
			n.RecipientID, n.Type, n.SubjectID, n.CauseID).Scan(&latest).Error
	}
	if err != nil {
		return false, err
	}
	return latest, nil
}

// RemoveAboutPost removes everything about a post and its comments.
func (s *Store) RemoveAboutPost(ctx context.Context, post uuid.UUID) error {
	// Two statements: each has an index of its own.
	err := s.db.Conn(ctx).Exec(`DELETE FROM notifications WHERE subject_id = ?`, post).Error
	if err == nil {
		err = s.db.Conn(ctx).Exec(`DELETE FROM notifications WHERE subject_type = 'comment' AND facts->>'post_id' = ?`, post.String()).Error
	}
	return err
}

// RemoveBetween removes what two people caused each other.
func (s *Store) RemoveBetween(ctx context.Context, a, b uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM notifications WHERE (recipient_id = ? AND actor_id = ?) OR (recipient_id = ? AND actor_id = ?)`,
		a, b, b, a).Error
}

// RemovePerson removes the notifications to a person and those that they caused.
func (s *Store) RemovePerson(ctx context.Context, user uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM notifications WHERE recipient_id = ? OR actor_id = ?`, user, user).Error
}
